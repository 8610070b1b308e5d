"""Classic prototype: PySpark on the JVM with the Iceberg JAR, as most people would write this pipeline first.

Files to three silver tables, then a MERGE into gold. Needs Java 17 or 21, and Maven Central for the JAR.
Usage: prototype.py FOLDER OUT, with the files of gen.py.
"""

import os
import shutil
import sys
import time

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F

t0 = time.time()
d, out = map(os.path.abspath, sys.argv[1:3])
shutil.rmtree(out, ignore_errors=True)
os.makedirs(out)
sp = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.memory", "6g")
    .config("spark.sql.shuffle.partitions", "8")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
    .config("spark.sql.catalog.local", "org.apache.iceberg.spark.SparkCatalog")
    .config("spark.sql.catalog.local.type", "hadoop")
    .config("spark.sql.catalog.local.warehouse", out)
    .config("spark.jars.packages", "org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.12.0")
    .getOrCreate()
)
sp.sparkContext.setLogLevel("ERROR")


def report(name: str) -> None:
    """Print the time since the start."""
    print(f"proto {name}: {time.time() - t0:.1f}", flush=True)


report("start")
ev = (
    sp.read.schema(
        "event_id string, session_id string, user_id string, event_type string, event_timestamp timestamp, "
        "event_details map<string,string>, _corrupt_record string"
    )
    .option("mode", "PERMISSIVE")
    .option("columnNameOfCorruptRecord", "_corrupt_record")
    .json(f"{d}/events.jsonl")
    .cache()
)
bad = ev.filter("_corrupt_record is not null")
bad.select("_corrupt_record").write.json(out + "/quarantine")
w = Window.partitionBy("event_id").orderBy(F.col("event_timestamp").desc())
good = (
    ev.filter("_corrupt_record is null")
    .drop("_corrupt_record")
    .withColumn("rn", F.row_number().over(w))
    .filter("rn=1")
    .drop("rn")
)
good.writeTo("local.silver.events").using("iceberg").partitionedBy(F.days("event_timestamp")).createOrReplace()
report("silver.events")
tx = (
    sp.read.option("header", True)
    .schema(
        "transaction_id string, session_id string, user_id string, amount decimal(10,2), currency string, "
        "transaction_timestamp timestamp"
    )
    .csv(f"{d}/transactions.csv")
    .dropDuplicates(["transaction_id"])
)
tx.writeTo("local.silver.transactions").using("iceberg").createOrReplace()
report("silver.transactions")
us = (
    sp.read.option("header", True)
    .schema("user_id string, signup_date timestamp, device_type string, country string")
    .csv(f"{d}/users.csv")
    .dropDuplicates(["user_id"])
)
us.writeTo("local.silver.users").using("iceberg").createOrReplace()
report("silver.users")
e = sp.table("local.silver.events")
ordered = F.array_sort(F.collect_list(F.struct("event_timestamp", "event_id", "event_type")))
s = (
    e.groupBy("user_id", "session_id")
    .agg(
        F.min("event_timestamp").alias("session_start_time"),
        F.max("event_timestamp").alias("session_end_time"),
        F.count("*").cast("int").alias("total_events"),
        F.transform(ordered, lambda x: x["event_type"]).alias("event_types"),
    )
    .withColumn("session_date", F.to_date("session_start_time"))
    .join(sp.table("local.silver.users"), "user_id", "left")
    .join(sp.table("local.silver.transactions").drop("user_id"), "session_id", "left")
    .withColumn("processing_timestamp", F.current_timestamp())
)
sp.sql("create namespace if not exists local.gold")
(
    s.limit(0)
    .writeTo("local.gold.usa")
    .using("iceberg")
    .partitionedBy(F.days("session_date"))
    .tableProperty("format-version", "2")
    .tableProperty("write.merge.mode", "merge-on-read")
    .create()
)
s.createOrReplaceTempView("n")
sp.sql(
    "merge into local.gold.usa t using n s on t.session_id=s.session_id and t.user_id=s.user_id "
    "when matched then update set * when not matched then insert *"
)
report("gold merge")
print(sp.sql("select count(*), sum(total_events), sum(amount) from local.gold.usa").collect())
report("end")
