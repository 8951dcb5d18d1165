"""Load on athanor-serve over loopback with wrk: predictions a second, the 99th percentile, and memory.

    load.py ATHANOR-SERVE MODEL [--minutes 10] [--connections 32]

One request in ten is malformed. wrk runs on the same cores as the service. Installs wrk (apt, brew) when it is missing.
"""

import argparse
import platform
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent

SCRIPT = r"""
local pictures, bad = {}, { "", "hello", '{"inputs": [1', '{"inputs": [[1, 2]]}', "\137PNG\r\n\26\nbroken" }
for name in string.gmatch("NAMES", "[^,]+") do
  local file = io.open(name, "rb")
  pictures[#pictures + 1] = file:read("*a")
  file:close()
end
local turn, threads = 0, {}
function setup(thread) threads[#threads + 1] = thread end
function init() good, refused, other = 0, 0, 0 end
function request()
  turn = turn + 1
  local body = turn % 10 == 0 and bad[turn / 10 % #bad + 1] or pictures[turn % #pictures + 1]
  return wrk.format("POST", "/v1/predict", nil, body)
end
function response(status)
  if status == 200 then good = good + 1 elseif status >= 400 and status < 500 then refused = refused + 1 else other = other + 1 end
end
function done(summary, latency)
  local good, refused, other = 0, 0, 0
  for _, t in ipairs(threads) do
    good, refused, other = good + t:get("good"), refused + t:get("refused"), other + t:get("other")
  end
  local e = summary.errors
  print(string.format("RESULT %d %d %d %d %d %.3f %.3f %.3f", summary.requests, good, refused, other,
    e.connect + e.read + e.write + e.timeout, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


def memory(pid):
    """Resident memory in MB."""
    return int(subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True).stdout) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    if not shutil.which("wrk"):
        root = [] if platform.system() == "Darwin" or shutil.which("sudo") is None else ["sudo"]
        subprocess.run(["brew", "install", "wrk"] if shutil.which("brew") else [*root, "apt-get", "install", "-y", "-qq", "wrk"],
                       check=True)
    process = subprocess.Popen([options.program, options.model, "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        address = re.search(r"http://\S+/", process.stdout.readline())[0]
        names = ",".join(str(path) for path in sorted((ROOT / "Examples/digits").glob("*.png")))
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(SCRIPT.replace("NAMES", names))
            script.flush()
            sizes = []
            for minute in range(options.minutes):
                output = subprocess.run(
                    ["wrk", "-t2", f"-c{options.connections}", "-d60s", "-s", script.name, address],
                    capture_output=True, text=True, check=True).stdout
                requests, good, refused, other, lost, seconds, middle, late = map(
                    float, re.search(r"RESULT (.*)", output)[1].split())
                sizes.append(memory(process.pid))
                print(f"minute {minute + 1}: {good / seconds:.0f} predictions and {refused / seconds:.0f} refusals a second, "
                      f"median {middle:.1f} ms, 99th percentile {late:.1f} ms, {sizes[-1]:.0f} MB", flush=True)
                assert other == 0 and lost == 0, f"{other:.0f} requests failed and {lost:.0f} were lost"
                assert good > 0 and refused > 0
        ratio = sizes[-1] / sizes[0]
        print(f"memory after {options.minutes} minutes: {ratio:.2f} times that after one")
        assert ratio <= 1.1, "memory grows"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


if __name__ == "__main__":
    main()
