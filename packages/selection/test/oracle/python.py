"""Asks Python itself: one JSON question per line of standard input, one JSON answer per line.

{"search": [pattern, ignoreCase, [name, ...]]}  found in each name? or the name of the exception; TimeoutError if it takes long
{"strip": text}                                 without white space at both ends
{"facts": true}                                 what Python knows of all characters: assigned, casefold, lower case, classes
{"alike": true}                                 for each character with a case: those that IGNORECASE takes for it
{"decode": [bytes, ...]}                        code points, by surrogateescape
Bytes are strings of one character each; text is an array of code points.
"""

import json
import re
import signal
import sys
import unicodedata
import warnings

warnings.simplefilter("ignore")
CHARACTERS = [chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF and unicodedata.category(chr(code)) != "Cn"]


def text(codes):
    return "".join(map(chr, codes))


def codes(string):
    return [ord(each) for each in string]


def search(pattern, ignore_case, names):
    try:
        compiled = re.compile(text(pattern), re.IGNORECASE if ignore_case else 0)
    except BaseException as trouble:
        return type(trouble).__name__
    # Some expressions take Python centuries: after 0.2 s of work it does not have to answer.
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.2)
    try:
        return [bool(compiled.search(text(name))) for name in names]
    except TimeoutError:
        return "TimeoutError"
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def give_up(number, frame):
    raise TimeoutError


signal.signal(signal.SIGVTALRM, give_up)


def facts():
    everything = "".join(CHARACTERS)
    return {
        "assigned": codes(everything),
        "casefold": {ord(each): codes(each.casefold()) for each in CHARACTERS if each.casefold() != each},
        "lower": {ord(each): codes(each.lower()) for each in CHARACTERS if each.lower() != each},
        "classes": {
            name: codes(re.findall(name, everything))
            for name in ("\\d", "\\s", "\\w", "(?a:\\d)", "(?a:\\s)", "(?a:\\w)")
        },
        "space": [ord(each) for each in CHARACTERS if each.isspace()],
    }


def alike():
    cased = [each for each in CHARACTERS if each.lower() != each or each.upper() != each or each.casefold() != each]
    joined = "".join(cased)
    return {ord(each): codes(re.findall(re.escape(each), joined, re.IGNORECASE)) for each in cased}


def answer(question):
    if "search" in question:
        return search(*question["search"])
    if "strip" in question:
        return codes(text(question["strip"]).strip())
    if "facts" in question:
        return facts()
    if "alike" in question:
        return alike()
    return [codes(each.encode("latin1").decode("utf-8", "surrogateescape")) for each in question["decode"]]


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))))
