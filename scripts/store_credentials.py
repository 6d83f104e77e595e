#!/usr/bin/env python3
"""Store an account's API keys in SSM Parameter Store, after proving that they open it.

Asks for both without showing them, reads the account from the broker with them, and writes
/magellan/alpaca/ACCOUNT_ID/API_KEY and .../API_SECRET as SecureStrings. The keys are in no
argument, no file and no output. Running daemons take them with: systemctl reload magellan-...
"""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
import os
from getpass import getpass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from magellan_core.arguments import Parser
from magellan_core.environment import hosts_without_config
from magellan_core.errors import MagellanError
from magellan_core.operations.key_storing import Storing, store


def main(arguments: list[str] | None = None) -> int:
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("account", metavar="ACCOUNT_ID", help="as Alpaca shows it, e.g. PA3...")
    parser.add_argument("--region", help="default: AWS_REGION, the profile's, the instance's")
    parser.add_argument("--kms-key", help="id of the KMS key (default: aws/ssm)")
    asked = parser.parse_args(arguments)
    try:
        base_url = hosts_without_config(os.environ).trading
        storing = Storing(asked.account, base_url, asked.region, asked.kms_key)
        names = store(storing, getpass("API key id: "), getpass("API secret key: "), os.environ)
    except MagellanError as fault:
        sys.stderr.write(f"store_credentials: {fault}\n")
        return fault.exit_code
    except (KeyboardInterrupt, EOFError):
        sys.stderr.write("\nstore_credentials: nothing was stored\n")
        return 130
    sys.stdout.write("the keys open the account; stored " + " and ".join(names) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
