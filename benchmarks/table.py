"""Lines of JSON in, a Markdown table of medians over the rounds out; all figures as one JSON file."""
import collections
import json
import statistics
import sys

rows = [json.loads(line) for line in open(sys.argv[1])]
json.dump(rows, open(sys.argv[2], "w"), indent=1)
groups = collections.OrderedDict()
for row in rows:
    groups.setdefault((row["batch"], row["threads"], row["engine"]), []).append(row)
print("| batch | threads | engine | step ms | min-max of rounds | images/s | glassbox is |")
print("|---|---|---|---|---|---|---|")
for (batch, threads, engine), group in groups.items():
    medians = [row["median_ms"] for row in group]
    own = statistics.median(row["median_ms"] for row in groups[(batch, threads, "glassbox")])
    median = statistics.median(medians)
    note = f"{median / own:.2f}x" if engine != "glassbox" else ""
    if "floor_ms" in group[0]:
        floor = statistics.median(row["floor_ms"] for row in group)
        note = f"{own / floor:.2f}x of the FMA floor ({floor:.1f} ms)"
    print(f"| {batch} | {threads} | {engine} | {median:.1f} | {min(medians):.1f}-{max(medians):.1f} "
          f"| {batch / median * 1e3:.0f} | {note} |")
