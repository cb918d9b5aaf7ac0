#!/usr/bin/env python3
"""Gathers the unlabelled text of ../shared/data into one file, a blank line between texts: gather.py SHARED OUT.

Labels are dropped. Files that serve as dev or test sets stay out, and so does every sentence that SST-2's dev set holds: MR is
the source of SST-2 and has them again. Repeated texts are kept once. TREC, Subj, MR, AG News and GSM8K come without a dev file:
what a later run holds out of them is in this text, without its label.
"""
import csv
import json
import re
import sys
from pathlib import Path

csv.field_size_limit(1 << 30)


def table(path, columns, header, quoted=False, encoding="utf-8-sig"):
    with open(path, encoding=encoding, newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE)
        for number, row in enumerate(rows):
            if number > 0 or not header:
                for column in columns:
                    yield row[column]


def label_first(path):
    for line in open(path, encoding="latin-1"):
        yield line.split(" ", 1)[1]


def json_lines(path, fields):
    for line in open(path, encoding="utf-8"):
        for field in fields:
            yield json.loads(line)[field]


def paragraphs(path):
    yield from re.split(r"\n\s*\n", open(path, encoding="utf-8").read())


def bare(text):
    """Letters and digits alone: the files disagree on blanks and quotes."""
    return re.sub(r"[\W_]+", "", text.lower())


def main():
    data, out = Path(sys.argv[1]) / "data", Path(sys.argv[2])
    sources = {
        "sst2": table(data / "sst2/train.tsv", [0], header=True),
        "trec": label_first(data / "trec/train.all"),
        "subj": label_first(data / "subj/subj.all"),
        "mr": label_first(data / "mr/rt-polarity.all"),
        "ag_news": table(data / "ag_news/train.tsv", [0], header=False),
        "rte": table(data / "rte/train.tsv", [1, 2], header=True),
        "mrpc": table(data / "mrpc/msr_paraphrase_train.txt", [3, 4], header=True),
        "cola": table(data / "cola/train.tsv", [3], header=False),
        "amazon": (text for domain in ["books", "dvd", "electronics", "airline"]
                   for text in table(data / f"amazon/{domain}.train.tsv", [0], header=True, quoted=True)),
        "gsm8k": json_lines(data / "gsm8k/train.jsonl", ["question", "answer"]),
        "dolly": json_lines(data / "dolly/sample.jsonl", ["prompt", "answer"]),
        "text": (text for path in sorted((data / "text").glob("*.txt")) for text in paragraphs(path)),
    }
    tested = [
        *table(data / "sst2/dev.tsv", [0], header=True),
        *table(data / "rte/dev.tsv", [1, 2], header=True),
        *table(data / "mrpc/msr_paraphrase_test.txt", [3, 4], header=True),
        *table(data / "cola/dev.tsv", [3], header=False),
        *(text for domain in ["books", "dvd", "electronics", "airline"]
          for text in table(data / f"amazon/{domain}.dev.tsv", [0], header=True, quoted=True)),
    ]
    seen = {bare(text) for text in tested}
    with open(out, "w", encoding="utf-8") as file:
        for name, texts in sources.items():
            rows = kept = words = 0
            for text in texts:
                text = re.sub(r"\s*\n\s*", "\n", text).strip()
                rows += 1
                if text and bare(text) not in seen:
                    seen.add(bare(text))
                    file.write(text + "\n\n")
                    kept, words = kept + 1, words + len(text.split())
            print(f"{name}: {rows} texts, {kept} kept, {words} words")


main()
