"""One call with Python's httpx: URL and body in, status and text out."""
import json
import sys

import httpx

url, body = sys.argv[1], sys.argv[2]
answer = httpx.post(url, json=json.loads(body), timeout=15) if body else httpx.get(url, timeout=15)
print(answer.status_code)
sys.stdout.write(answer.text)
