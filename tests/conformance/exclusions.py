"""The cases that do not pass, each with the one reason why; in the score all of them count as failures.

`EXCLUDED` is for what no work on the gateway could change: the token has no such mechanism, the published file is
defective, servers behave in ways that exclude each other, or the server would have to ask the client. `FAILING` is for
everything else. All of them are run, and must fail: a case that passes has to leave its table.
"""

from collections.abc import Mapping

from tests.conformance.cases import Case

DESCRIBES = "mutually exclusive: it describes another server's"
SERVER_TO_CLIENT = "server-to-client: the gateway asks its clients nothing"
OTHER_KEY = "defect: the ciphertext in the file is of another key"
ENCRYPTED_PKCS8 = "defect: an encrypted PKCS#8 is registered without its password, and expected back decrypted"
OTHER_PART = "defect: the fourth part is asked for, and the answer in the file names the first"

# By the beginning of the file's name; the longest that fits counts.
EXCLUDED: Mapping[str, str] = {
    "CS-BC-M-6-12": OTHER_KEY,
    "CS-BC-M-6-13": OTHER_KEY,
    "OMOS-O-1-14": "defect: a response in the file has another protocol version than its request",
    "TC-ASYNC-9-21": "defect: a response item in the file has no Result Status",
    "TC_NP_2_12": "defect: the gateway's messages in the file say version 1.0, and have what 1.1 and 1.2 brought",
    "TC-OTP-4": "mutually exclusive: the pad is denied to its owner, whom TC-OTP-3 tells of it",
    "TC-Q-CAP-": f"{DESCRIBES} capabilities",
    "TC-Q-PROF-": f"{DESCRIBES} profiles",
    "TC-Q-S2C-1": SERVER_TO_CLIENT,
    "TC-Q-S2C-PROF-1": SERVER_TO_CLIENT,
    "TC-Q-S2C-PROF-2": f"{DESCRIBES} profiles and capabilities",
    "TC-SJ-4-14": OTHER_PART,
    "TC-WRAP-3-14": "defect: a wrapped Key Value stands in a structure in the file, in 1.2 and 2.1 it is a byte string",
    "TC_142_12": "defect: neither the default encoding nor the attribute that was asked for is in the wrapped key",
    "TC_95_10": f"{DESCRIBES} lease times, 16 seconds of the one key and 0 of that which replaces it",
    "TC_92_10": "defect: the dates are of 2010, and the State is Active",
    "TC_SJ_2_12": OTHER_PART,
    "TC_SJ_4_12": OTHER_PART,
    "TC_ECC_2_12": ENCRYPTED_PKCS8,
    "TC-ECC-2-14": ENCRYPTED_PKCS8,
    "TC-ECC-2-2": ENCRYPTED_PKCS8,
    "TC_ECC_3_10": "defect: another private key is expected than was registered",
}

FAILING: Mapping[str, str] = {}


def reason(case: Case) -> str:
    """Give why the case does not pass, or nothing."""
    table = {**FAILING, **EXCLUDED}
    fitting = [start for start in table if case.name.startswith(start)]
    return table[max(fitting, key=len)] if fitting else ""
