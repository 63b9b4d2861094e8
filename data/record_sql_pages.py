#!/usr/bin/env python3
"""Records sql_pages.txt.zst: the pages that sqlite3 reads of a shop's database, in order.

Usage: record_sql_pages.py OUTPUT.txt.zst

Makes a database of 40,000 customers, 3,000 products and 300,000 orders, then follows with strace
what the sqlite3 program reads of its file while it answers a fixed mix of queries with a cache of
its own of only 16 pages. A request is the number of one page of 4 KiB. The same version of sqlite3
makes the same trace. Needs sqlite3, strace, zstd.
"""

import pathlib
import random
import re
import subprocess
import sys
import tempfile

PAGE = 4096
SEED = 20240229
QUERIES = 4000
CUSTOMERS, PRODUCTS, ORDERS, DAYS = 40_000, 3_000, 300_000, 365

# Numbers that look random and are the same everywhere; sqlite's random() has no seed.
SCRAMBLED = "((i * 2654435761 + {salt}) % 4294967291 * 40503 % 4294967279)"


def scrambled(salt):
    return SCRAMBLED.format(salt=salt)


SCHEMA = f"""
PRAGMA page_size = {PAGE};
PRAGMA journal_mode = OFF;
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, city INTEGER, note TEXT);
CREATE TABLE products (id INTEGER PRIMARY KEY, title TEXT, price INTEGER, description TEXT);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER, product INTEGER, day INTEGER,
                     amount INTEGER, remark TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {CUSTOMERS})
  INSERT INTO customers SELECT i, 'customer ' || {scrambled(1)}, {scrambled(2)} % 500,
                               hex(zeroblob({scrambled(3)} % 60)) FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {PRODUCTS})
  INSERT INTO products SELECT i, 'product ' || {scrambled(4)}, {scrambled(5)} % 10000,
                              hex(zeroblob({scrambled(6)} % 400)) FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ORDERS})
  INSERT INTO orders SELECT i, 1 + {scrambled(7)} % {CUSTOMERS}, 1 + {scrambled(8)} % {PRODUCTS},
                            i * {DAYS} / {ORDERS}, {scrambled(9)} % 20,
                            hex(zeroblob({scrambled(10)} % 30)) FROM n;
CREATE INDEX orders_by_customer ON orders (customer);
CREATE INDEX orders_by_product ON orders (product, day);
CREATE INDEX customers_by_city ON customers (city);
"""


def query(source):
    """One of: a customer's page, an order, a product's buyers, a city's report, a table's sum."""
    kind = source.random()
    customer = min(CUSTOMERS, int(source.paretovariate(0.7)))
    product = min(PRODUCTS, int(source.paretovariate(0.6)))
    if kind < 0.50:
        return ("SELECT c.name, o.day, p.title FROM customers c JOIN orders o"
                " ON o.customer = c.id JOIN products p ON p.id = o.product"
                f" WHERE c.id = {customer};")
    if kind < 0.80:
        order = ORDERS - min(ORDERS - 1, int(source.expovariate(1 / 20_000)))
        return ("SELECT o.amount, p.price, c.name FROM orders o"
                " JOIN products p ON p.id = o.product"
                f" JOIN customers c ON c.id = o.customer WHERE o.id = {order};")
    if kind < 0.97:
        day = source.randrange(DAYS - 30)
        return ("SELECT count(*), sum(o.amount) FROM orders o"
                " JOIN customers c ON c.id = o.customer"
                f" WHERE o.product = {product} AND o.day BETWEEN {day} AND {day + 30};")
    if kind < 0.999:
        city = min(499, int(source.paretovariate(0.5)))
        return ("SELECT sum(o.amount) FROM customers c JOIN orders o ON o.customer = c.id"
                f" WHERE c.city = {city};")
    return source.choice(["SELECT sum(amount) FROM orders;",
                          "SELECT count(*) FROM customers WHERE note LIKE '%1%';",
                          "SELECT max(length(description)) FROM products;"])


def main():
    output = sys.argv[1]
    source = random.Random(SEED)
    workload = "\n".join(["PRAGMA cache_size = 16;", "PRAGMA mmap_size = 0;",
                          *(query(source) for _ in range(QUERIES))])
    with tempfile.TemporaryDirectory(prefix="kvcache-record-") as folder:
        database, log = pathlib.Path(folder, "shop.db"), pathlib.Path(folder, "log")
        for command, sql in ((["sqlite3", database], SCHEMA),
                             (["strace", "-y", "-s", "0", "-e", "trace=pread64", "-o", log,
                               "sqlite3", "-readonly", database], workload)):
            subprocess.run(command, input=sql.encode(), check=True, stdout=subprocess.DEVNULL)
        # pread64(3</tmp/x/shop.db>, ""..., 4096, 8192) = 4096
        read = re.compile(rf"shop\.db>, .*, {PAGE}, (\d+)\) += {PAGE}$", re.M)
        pages = [int(offset) // PAGE + 1 for offset in read.findall(log.read_text())]
        size = database.stat().st_size
    text = "".join(f"{page}\n" for page in pages)
    subprocess.run(["zstd", "-19", "-q", "-f", "-o", output], input=text.encode(), check=True)
    print(f"{output}: {len(pages)} requests of a database of {size} bytes")


if __name__ == "__main__":
    main()
