"""DuckDB baseline: the steps from files to gold by hand, to plain Parquet, as one would script them.

No rules, no history, no commits, no orchestration: a floor for the cost of the work, not a product.
Usage: duck.py FOLDER, with the files of gen.py; writes to out_duck/ in the working folder.
"""

import os
import shutil
import sys
import time

import duckdb

t0 = time.time()
d = sys.argv[1]
out = "out_duck"
shutil.rmtree(out, ignore_errors=True)
os.makedirs(out)
c = duckdb.connect()
c.execute("set threads=2; set preserve_insertion_order=false")


def step(name: str, query: str) -> None:
    """Run one query and print its time."""
    t = time.time()
    r = c.execute(query).fetchall()
    print(f"duck {name}: {time.time() - t:.2f}", r if len(r) < 3 else "")


step(
    "bronze",
    f"""copy (
      select j.*, case when j.session_id is null then value end _corrupt_record
      from (
        select value, json_transform(
          case when json_valid(value) then value end,
          '{{"event_id":"VARCHAR","session_id":"VARCHAR","user_id":"VARCHAR","event_type":"VARCHAR",
             "event_timestamp":"TIMESTAMP","event_details":"MAP(VARCHAR,VARCHAR)"}}') j
        from read_csv('{d}/events.jsonl', columns={{'value':'VARCHAR'}}, delim='\x01', quote='', escape='',
                      header=false, auto_detect=false)))
    to '{out}/b.parquet'""",
)
step("csv", f"copy (from read_csv('{d}/transactions.csv')) to '{out}/t.parquet'")
step("csv", f"copy (from read_csv('{d}/users.csv')) to '{out}/u.parquet'")
step(
    "silver",
    f"""copy (
      select * from '{out}/b.parquet' where _corrupt_record is null
      qualify row_number() over (partition by event_id order by event_timestamp desc) = 1)
    to '{out}/s.parquet'""",
)
step(
    "gold",
    f"""copy (
      with ses as (
        select user_id, session_id, min(event_timestamp) st, max(event_timestamp) en, count(*) total_events,
               list(event_type order by event_timestamp, event_id) event_types
        from '{out}/s.parquet' group by all)
      select ses.*, u.* exclude user_id, t.* exclude (user_id, session_id),
             event_types[1] f, event_types[-1] l, st::date session_date
      from ses left join '{out}/u.parquet' u using (user_id) left join '{out}/t.parquet' t using (session_id))
    to '{out}/gold' (format parquet, partition_by session_date)""",
)
step("goldcount", f"select count(*), sum(total_events), sum(amount) from '{out}/gold/*/*.parquet'")
print("total", time.time() - t0)
