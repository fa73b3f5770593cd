#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes man pages (mdoc) from what is written down already, so that there is one source of each.

    mdoc.py markdown FILE.md TEMPLATE    a page of docs/: TEMPLATE with @BODY@ replaced
    mdoc.py verbs CERTCTL TEMPLATE       @BODY@ is the help of each verb of the program CERTCTL

@DATE@ and @VERSION@ come from $MAN_DATE and $MAN_VERSION.  Of Markdown it knows what docs/ has:
headings, paragraphs, lists, tables, fenced blocks, `code`, **bold** and links.
"""

import os
import re
import subprocess
import sys
import textwrap

PIPE = "\0"         # stands for \| in a table


def escape(text):
    return text.replace("\\", "\\e")


def inline(text):
    """Markdown inside a paragraph: code and bold become bold, links their words."""
    parts = re.split(r"(`[^`]+`)", text)
    for at, part in enumerate(parts):
        if part.startswith("`") and part.endswith("`") and len(part) > 1:
            parts[at] = r"\fB" + escape(part[1:-1]).replace("-", r"\-") + r"\fR"
        else:
            part = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", escape(part))
            parts[at] = re.sub(r"\*\*([^*]+)\*\*", r"\\fB\1\\fR", part)
    return "".join(parts).replace(PIPE, "|")


def guard(line):
    return r"\&" + line if line.startswith((".", "'")) else line


def prose(text):
    """Lines of a paragraph: each sentence begins one, none is longer than 78."""
    text = " ".join(inline(text).split())
    lines = []
    for sentence in re.split(r"(?<=[\w)\]}'][.!?]) +(?=\S)", text):
        lines += textwrap.wrap(sentence, 78, break_long_words=False, break_on_hyphens=False)
    return [guard(line) for line in lines]


def literal(lines):
    return [".Bd -literal -offset 2n", *(guard(escape(line)) for line in lines), ".Ed"]


def argument(text):
    """An argument of a macro, quoted: text that may have blanks and quotes."""
    return '"' + inline(text).replace('"', r"\(dq") + '"'


def cells(line):
    return [cell.strip() for cell in line.replace(r"\|", PIPE).strip().strip("|").split("|")]


def table(rows):
    """The first column is the tag; the last the text; between them, what their title says."""
    titles = cells(rows[0])
    out = [".Bl -tag -width Ds"]
    for row in rows[2:]:
        tag, *between, text = cells(row)
        tag += " " + between[0] if between and titles[1] in ("argument", "") else ""
        out.append(".It " + argument(tag))
        for title, cell in zip(titles[1:-1], between):
            if cell and title not in ("argument", ""):
                out += prose(f"{title.capitalize()}: {cell}.")
                out.append(".br")
        out += prose(text) or [r"\&"]
    return out + [".El"]


def take(lines, begins):
    block = []
    while lines and begins(lines[0]):
        block.append(lines.pop(0))
    return block


def block_of(lines):
    """Takes the next block from LINES and answers its mdoc."""
    line = lines[0]
    if line.startswith("```"):
        lines.pop(0)
        inside = take(lines, lambda one: not one.startswith("```"))
        lines.pop(0)
        return literal(inside)
    if line.startswith("|"):
        return table(take(lines, lambda one: one.startswith("|")))
    if line.startswith("- "):
        text = "\n".join(take(lines, lambda one: one.startswith(("- ", "  "))))
        items = re.split(r"^- ", text, flags=re.MULTILINE)[1:]
        return [".Bl -bullet", *(row for item in items for row in (".It", *prose(item))), ".El"]
    return prose(" ".join(take(lines, lambda one: one and not one.startswith(("```", "|", "#")))))


def markdown(path):
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    out, fresh = [], True
    while lines:
        if not lines[0] or lines[0].startswith(("<!--", "# ")):
            lines.pop(0)
        elif lines[0].startswith("#"):
            out.append(".Ss " + argument(lines.pop(0).split(" ", 1)[1]))
            fresh = True
        else:
            block = block_of(lines)
            if not fresh and not block[0].startswith((".Bl", ".Bd")):
                out.append(".Pp")
            out += block
            fresh = False
    return out


# ---- the verbs of certctl ----

def sections(text):
    """{title: lines} of a help text, whose sections begin with "Title:" at the left."""
    found, title = {}, None
    for line in text.splitlines()[1:]:
        match = re.match(r"^([A-Z][a-z]+(?: [a-z ]+)?):\s*(.*)$", line)
        if match:
            title = match.group(1)
            found[title] = [match.group(2)] if match.group(2) else []
        elif title and line.strip():
            found[title].append(line)
    return found


def option_items(lines):
    """Each a flag, its argument and its help."""
    for line in lines:
        match = re.match(r"^  --(\S+)( [A-Z\[\],.=]+)?\s+(.*)$", line)
        flag, value, text = match.groups()
        short = re.match(r"^-(\w): (.*)$", text)
        if short:
            yield f".It Fl {short[1]} , Fl \\-{flag}" + (f" Ar {value.strip()}" if value else "")
            yield from prose(short[2][0].upper() + short[2][1:] + ".")
        else:
            yield f".It Fl \\-{flag}" + (f" Ar {value.strip()}" if value else "")
            yield from prose(text[0].upper() + text[1:] + ".")


def options(lines):
    return [".Bl -tag -width Ds", *option_items(lines), ".El"]


def verb(certctl, word, args, globally):
    text = ask(certctl, word, "--help")
    parts = sections(text)
    said = text.splitlines()[0].split(" - ", 1)[1]
    out = [f".Ss {word}", ".Bd -ragged -compact", f".Nm certctl {word}"]
    out[-1] += f" Ar {args}" if args else ""
    out += [".Op Ar option ...", ".Ed", ".Pp", *prose(said[0].upper() + said[1:] + ".")]
    own = [line for line in parts["Options"] if line not in globally]
    out += options(own) if own else []
    return out + [".Pp", "Examples:", *literal(line[2:] for line in parts["Examples"])]


def ask(certctl, *words):
    return subprocess.run([certctl, *words], stdout=subprocess.PIPE, text=True, check=True).stdout


def verbs(certctl):
    text = ask(certctl, "--help")
    globally = sections(text)["Options of every verb"]
    globally = [line for line in globally if line.startswith("  --")]
    rows = text.split("[ARGUMENT...]\n\n")[1].split("\n\n")[0].splitlines()
    out = [".Sh OPTIONS", "Every verb takes these.", *options(globally), ".Sh VERBS"]
    for row in rows:
        word = row.split()[0]
        usage = sections(ask(certctl, word, "--help"))["Usage"][0]
        args = usage.removeprefix(f"certctl {word}").removesuffix("[OPTION...]").strip()
        out += verb(certctl, word, args, globally)
    return out


def main():
    kind, source, template = sys.argv[1:]
    body = {"markdown": markdown, "verbs": verbs}[kind](source)
    with open(template, encoding="utf-8") as file:
        page = file.read()
    page = page.replace("@BODY@", "\n".join(body)).replace("@DATE@", os.environ["MAN_DATE"])
    sys.stdout.write(page.replace("@VERSION@", os.environ["MAN_VERSION"]))


if __name__ == "__main__":
    main()
