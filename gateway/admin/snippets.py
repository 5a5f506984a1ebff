"""How a client is told of the gateway: for each kind of client a file in its own configuration language."""

from pathlib import Path
from typing import NamedTuple


class Place(NamedTuple):
    """Where the gateway is for a client, and the folder with the client's files."""

    host: str
    port: int
    folder: Path


class Snippet(NamedTuple):
    """A configuration: the file's name, and its text with {host}, {port} and {folder} to be filled in."""

    file: str
    template: str

    def text(self, place: Place) -> str:
        """Give the text for a client in this place."""
        return self.template.format(host=place.host, port=place.port, folder=place.folder)


VSPHERE = """\
# vCenter: Configure > Security > Key Providers > Add > Standard Key Provider
Name:                     kmip-gateway
KMS:                      kmip-gateway
Address:                  {host}
Port:                     {port}
User name, password:      leave both empty

# Then Trust > Make vCenter trust KMS:    upload {folder}/ca.pem
# and  Trust > Make KMS trust vCenter > KMS certificate and private key:
Certificate:              {folder}/client.pem
Private key:              {folder}/client.key
"""

MONGODB = """\
# mongod.conf of MongoDB Enterprise: keys stay in the gateway's tenant, one for each mongod.
security:
  enableEncryption: true
  kmip:
    serverName: {host}
    port: {port}
    clientCertificateFile: {folder}/client-and-key.pem
    serverCAFile: {folder}/ca.pem
"""

# Of Percona Server for MySQL; JSON takes no comments.
MYSQL = """\
{{
  "server_addr": "{host}",
  "server_port": "{port}",
  "client_ca": "{folder}/client.pem",
  "client_key": "{folder}/client.key",
  "server_ca": "{folder}/ca.pem",
  "object_group": "mysql"
}}
"""

PYKMIP = """\
# pykmip.conf: ProxyKmipClient(config="client", config_file="{folder}/pykmip.conf")
[client]
host = {host}
port = {port}
certfile = {folder}/client.pem
keyfile = {folder}/client.key
ca_certs = {folder}/ca.pem
cert_reqs = CERT_REQUIRED
"""

LIBKMIP = """\
# The demonstration programs of libkmip; the server's certificate is not looked at by them.
demo_create -a {host} -p {port} -c {folder}/client.pem -k {folder}/client.key -r {folder}/ca.pem
"""

SNIPPETS: dict[str, Snippet] = {
    "vsphere": Snippet("vsphere.txt", VSPHERE),
    "mongodb": Snippet("mongod.conf", MONGODB),
    "mysql": Snippet("component_keyring_kmip.cnf", MYSQL),
    "pykmip": Snippet("pykmip.conf", PYKMIP),
    "libkmip": Snippet("libkmip.sh", LIBKMIP),
}
