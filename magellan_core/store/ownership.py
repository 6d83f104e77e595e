"""What root makes among the daemons' files must stay theirs: root's own would lock them out."""

import os
from pathlib import Path


def leave_to_owner(path: Path) -> None:
    """Give what root just made to whoever owns the folder it lies in; anyone else's stays."""
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid)
