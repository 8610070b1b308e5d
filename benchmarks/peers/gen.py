"""Generator of the peers' data: flat files of events, transactions and users, hand-written for measuring.

Usage: gen.py N FOLDER [DAYS]. Writes N events (and 2 % duplicates, 0.1 % corrupt lines) with the transactions and
users that match them; event times begin on 2024-11-01 and spread over DAYS (default 30).
"""

import os
import sys

import numpy as np

n = int(sys.argv[1])
out = sys.argv[2]
days = int(sys.argv[3]) if len(sys.argv) > 3 else 30
os.makedirs(out, exist_ok=True)
rng = np.random.default_rng(1)
ns = n // 8
nu = max(ns // 5, 1)
types = np.array(["page_view", "click", "add_to_cart", "purchase", "search", "login", "logout", "checkout"])
s_user = rng.integers(0, nu, ns)
s_start = np.datetime64("2024-11-01T00:00:00") + rng.integers(0, days * 82000, ns).astype("timedelta64[s]")
sid = rng.integers(0, ns, n)
ts = s_start[sid] + rng.integers(0, 3600, n).astype("timedelta64[s]")
et = types[rng.integers(0, 8, n)]
with open(f"{out}/events.jsonl", "w") as f:
    tss = np.datetime_as_string(ts)
    for i in range(n):
        line = (
            f'{{"event_id": "EVT_{i:08d}", "session_id": "SES_{sid[i]:06d}", "user_id": "USR_{s_user[sid[i]]:05d}", '
            f'"event_type": "{et[i]}", "event_timestamp": "{tss[i]}", '
            f'"event_details": {{"page_url": "/page/{i % 100}"}}}}\n'
        )
        f.write(line)
        if i % 50 == 0:
            f.write(line)
        if i % 1000 == 0:
            f.write(f'{{"event_id": "EVT_{i:08d}", "session_id": \n')
nt = n // 7
with open(f"{out}/transactions.csv", "w") as f:
    f.write("transaction_id,session_id,user_id,amount,currency,transaction_timestamp\n")
    k = rng.permutation(ns)[:nt]
    am = rng.gamma(2, 100, nt)
    for i in range(len(k)):
        time = str(s_start[k[i]] + np.timedelta64(600, "s")).replace("T", " ")
        f.write(f"TXN_{i:07d},SES_{k[i]:06d},USR_{s_user[k[i]]:05d},{am[i]:.2f},USD,{time}\n")
with open(f"{out}/users.csv", "w") as f:
    f.write("user_id,signup_date,device_type,country\n")
    for i in range(nu):
        f.write(f"USR_{i:05d},2024-03-15 14:23:00,iOS,PE\n")
