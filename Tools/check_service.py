"""Uses athanor-serve as programs do: a new model and the end of the service while requests go on.

    check_service.py ATHANOR-SERVE MODEL
"""

import http.client
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from check_page import served

ROOT = Path(__file__).parent.parent
PICTURES = {path.stem: path.read_bytes() for path in sorted((ROOT / "Examples/digits").glob("*.png"))}


def ask(connection, body):
    connection.request("POST", "/v1/predict", body)
    answer = connection.getresponse()
    return answer.status, answer.read()


def check_many_at_once(address):
    """Sixteen clients at once get what each gets alone, to the last digit."""
    place = urlsplit(address).netloc
    alone = {name: ask(http.client.HTTPConnection(place), body) for name, body in PICTURES.items()}
    assert all(status == 200 for status, _ in alone.values())
    faults = []

    def client(number):
        connection = http.client.HTTPConnection(place)
        names = sorted(PICTURES)
        for turn in range(60):
            name = names[(number + turn) % len(names)]
            if (answer := ask(connection, PICTURES[name])) != alone[name]:
                faults.append((name, answer))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults, faults[0]
    connection = http.client.HTTPConnection(place)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    batches = float(next(line.split()[1] for line in text.splitlines() if line.startswith("athanor_batch_examples_count")))
    examples = 16 * 60 + len(PICTURES)
    print(f"ok: 16 clients at once get what each gets alone ({examples} pictures in {batches:.0f} batches)")


def check_new_model(program, model):
    """A new file is taken over at SIGHUP, and no request is lost."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.safetensors"
        shutil.copy(model, file)
        with served(program, file, "--log-level", "error") as (address, process):
            stopped, answers = threading.Event(), []

            def client():
                connection = http.client.HTTPConnection(urlsplit(address).netloc)
                while not stopped.is_set():
                    answers.append(ask(connection, PICTURES["3"]))

            thread = threading.Thread(target=client)
            thread.start()
            for turn in range(5):
                if turn == 2:
                    file.write_bytes(b"damaged")
                if turn == 3:
                    shutil.copy(model, file)
                process.send_signal(signal.SIGHUP)
                time.sleep(0.3)
            stopped.set()
            thread.join()
            assert len({body for _, body in answers}) == 1 and all(status == 200 for status, _ in answers)
            connection = http.client.HTTPConnection(urlsplit(address).netloc)
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
            assert 'athanor_model_loads_total{result="read"} 5' in text and 'result="refused"} 1' in text, text
    print(f"ok: five SIGHUP, one of them with a damaged file, and {len(answers)} requests answered alike")


def check_end(program, model):
    """A request that has begun is answered after SIGTERM; then the service ends."""
    with served(program, model) as (address, process):
        host, port = urlsplit(address).hostname, urlsplit(address).port
        body = PICTURES["3"]
        with socket.create_connection((host, port)) as connection:
            head = f"POST /v1/predict HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            connection.sendall(head.encode() + body[:10])
            time.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            assert process.poll() is None, "the service ended while a request was on its way"
            connection.sendall(body[10:])
            answer = b""
            while part := connection.recv(65536):
                answer += part
        assert answer.startswith(b"HTTP/1.1 200"), answer
        assert json.loads(answer.split(b"\r\n\r\n")[1])["label"] == "3"
    print("ok: a request that had begun was answered after SIGTERM")


def check_start(program, model):
    """What stands in the way of a start is said, with exit code 1."""
    with served(program, model) as (address, _):
        port = str(urlsplit(address).port)
        taken = subprocess.run([program, model, "--port", port], capture_output=True, text=True)
    assert taken.returncode == 1 and "another program listens at this port" in taken.stderr, taken
    missing = subprocess.run([program, "nothing.h5"], capture_output=True, text=True)
    assert missing.returncode == 1 and missing.stderr.startswith("Error: nothing.h5"), missing
    wrong = subprocess.run([program, model, "--port", "70000"], capture_output=True, text=True)
    assert wrong.returncode != 0 and "--port must be from 0 to 65535" in wrong.stderr, wrong
    print("ok: a port that is taken, a missing file and a wrong option are named")


if __name__ == "__main__":
    program, model = sys.argv[1:]
    with served(program, model) as (address, _):
        check_many_at_once(address)
    check_new_model(program, model)
    check_end(program, model)
    check_start(program, model)
