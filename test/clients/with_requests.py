"""One call with Python's requests: URL and body in, status and text out."""
import json
import sys

import requests

url, body = sys.argv[1], sys.argv[2]
answer = requests.post(url, json=json.loads(body), timeout=15) if body else requests.get(url, timeout=15)
print(answer.status_code)
sys.stdout.write(answer.text)
