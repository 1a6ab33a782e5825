"""`whimbrel init`: write whimbrel.toml with its examples, and the folder of migrations."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from whimbrel import config, errors
from whimbrel.cli import common

PASSWORD_VARIABLE: Final = "DATABASE_PASSWORD"

_PASSWORD: Final = re.compile(r"(?P<head>[^:/?#]+://[^:/?#@]*):(?P<password>[^/?#]*)@")
_PLACEHOLDER: Final = re.compile(r"\$\{[^}]*\}")

_TEXT: Final = """\
# The settings of Whimbrel. Every line that begins with # is an example.

# Which database is meant when none is named. With one database, it is that one.
# default_database = "main"

{database}
# More databases, each by a name of its own:  whimbrel up -d staging
# A secret stays in the environment. Its variable holds it plainly: no escapes are needed.
# [databases.staging]
# url = "{server}"
# migrations = "migrations"      # a folder of its own, if it has other migrations

[migrations]
directory = "migrations"

# What SQL in self.execute() is written in, if not in that of the database:
# sql_dialect = "…"
"""
_WITHOUT: Final = """\
# [databases.main]
# url = "{file}"
"""
_WITH: Final = """\
[databases.main]
url = {url}
"""


def make(call: common.Call) -> int:
    """Write the project's first files; never write over one."""
    from whimbrel.engines import registry

    folder = (call.common.project or Path.cwd()).resolve()
    file = folder / config.FILE_NAME
    if file.exists():
        raise errors.UsageError(
            f"there is a {config.FILE_NAME} already",
            where=config.shown(file),
            left="nothing was changed",
            remedy="edit it; or make another project:  whimbrel init --project FOLDER",
        )
    url, hid_password = _url(call.common.database)
    local, server = registry.EXAMPLES[:2]
    text = _TEXT.format(
        database=_WITH.format(url=_quoted(url)) if url else _WITHOUT.format(file=local),
        server=server.replace(":password@", ":${STAGING_PASSWORD}@"),
    )
    migrations = folder / config.DEFAULT_DIRECTORY
    existed = migrations.is_dir()
    try:
        migrations.mkdir(parents=True, exist_ok=True)
        # "x": what appeared there in the meantime is not ours to replace.
        with file.open("x", encoding="utf-8", newline="\n") as written:
            written.write(text)
    except OSError as error:
        raise errors.UsageError(
            f"{config.FILE_NAME} cannot be written",
            where=config.shown(folder),
            cause=f"{type(error).__name__}: {error.strerror or error}",
            remedy="check that this folder exists and can be written to",
        ) from error
    _say(call, file, migrations, existed=existed, url=url, hid_password=hid_password)
    return 0


def _say(
    call: common.Call,
    file: Path,
    migrations: Path,
    *,
    existed: bool,
    url: str | None,
    hid_password: bool,
) -> None:
    out = call.out
    if out.json:
        out.document(
            {
                "file": str(file),
                "migrations": str(migrations),
                "password_variable": PASSWORD_VARIABLE if hid_password else None,
            }
        )
        return
    out.tell(f"wrote {config.shown(file)}")
    out.tell(f"{'found' if existed else 'made '} {config.shown(migrations)}/")
    if hid_password:
        out.tell("the password was not written; give it to the environment:")
        out.tell(f"  export {PASSWORD_VARIABLE}=…")
    if url is None:
        out.tell(f"next: name your database in {config.FILE_NAME}, then:  whimbrel new NAME")
    else:
        out.tell("next:  whimbrel new NAME")


def _url(given: str | None) -> tuple[str | None, bool]:
    """Return the URL to write, and whether a password was taken out of it."""
    if given is None:
        return None, False
    if ":" not in given:
        raise errors.UsageError(
            f"init needs the URL of a database, and {given!r} is a name",
            remedy="give it:  whimbrel init --database URL",
        )
    if not _PLACEHOLDER.search(given):
        from whimbrel.engines import registry

        registry.parse(given)
    found = _PASSWORD.match(given)
    if found is None or _PLACEHOLDER.fullmatch(found["password"]):
        url, hid = given, False
    else:
        url, hid = f"{found['head']}:${{{PASSWORD_VARIABLE}}}@{given[found.end() :]}", True
    rest = url.partition("@")[2] if _PASSWORD.match(url) else url
    if config.masked(_PLACEHOLDER.sub("", rest)) != _PLACEHOLDER.sub("", rest):
        raise errors.UsageError(
            "the URL holds a secret that would stand in the file for everybody to read",
            object=config.masked(given),
            left="nothing was changed",
            remedy="put it into the environment, and its name into the URL:  ${NAME}",
        )
    return url, hid


def _quoted(url: str) -> str:
    # A JSON string of printable text is a TOML string too.
    return json.dumps(url, ensure_ascii=False)
