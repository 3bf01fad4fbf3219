"""A simple command: its call, what is inside it, what it prints and leaves behind."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.shell import assignments, effects, globs, outputs, redirects
from pipeline.shell.calls import Call, Redirect
from pipeline.shell.context import REDIRECTS, SILENT, WORD_TYPES, Context, looped, together
from pipeline.shell.deferred import deferred
from pipeline.shell.foreign_commands import started_by_foreign
from pipeline.shell.plain import Simple
from pipeline.shell.programs import GIVEN_PROGRAMS, LANGUAGE_STARTS, Program, programs_of, script_text
from pipeline.shell.python_commands import started_by_python
from pipeline.shell.redirects import Redirection
from pipeline.shell.scope import Function, Scope
from pipeline.shell.tree import Source
from pipeline.shell.values import Field, Text, join_via
from pipeline.shell.walker import Walker
from pipeline.shell.wrappers import HOLDERS, TRANSPARENT, Inner, inner_of

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["call_function", "command", "plainly", "run", "with_redirects"]

_PROGRAM_TAKERS = frozenset(["eval", "source", ".", "trap", "ssh", "su", "crontab", "at"])
"""Besides shells and interpreters, the commands that are given program text."""
_APART = frozenset(["sh stdin", "ssh", "at", "crontab", "unit", "profile", "su", "source"])
"""Programs whose standard input is not that of the command that runs them."""
_LOUD_VIA = frozenset(["variable", "command substitution", "quotes", "ifs", "ansi-c", "brace"])
"""What of an argument's history is too ordinary to tell of the command."""
_LEAVING = effects.LASTING - {"printf", "sed"}
"""Commands that leave something behind, but for those that do so in one form only."""


def command(
    walk: Walker, node: Node, source: Source, scope: Scope, context: Context, behind: Sequence[Node] = ()
) -> Text | None:
    """A simple command."""
    env: list[tuple[str, str]] = []
    fields: list[Field] = []
    words = walk.words(source, scope)
    nodes: list[Node] = []
    for child in node.named_children:
        if child.type == "variable_assignment":
            env += assignments.assign(walk, child, source, scope, context, keep=False)
        elif child.type in REDIRECTS:
            nodes.append(child)
        elif child.type == "command_name":
            for part in child.named_children or [child]:
                fields += words.fields(part)[0]
        elif child.type != "comment" and child.type != "ERROR":
            fields += words.fields(child)[0]
        elif child.type == "ERROR":
            fields += [field for part in child.named_children if part.type in WORD_TYPES
                       for field in words.fields(part)[0]]  # fmt: skip
        walk.context = context
    if behind and behind[0].start_byte > node.end_byte + 1:
        # The grammar (0.25) loses a "-" before "2>".
        fields += map(Field, source.slice(node.end_byte, behind[0].start_byte).replace("\\\n", " ").split())
    if behind and fields and behind[0].start_byte == node.end_byte and fields[-1].text in ("0", "1", "2", "3", "5"):
        descriptor = fields.pop().text
    else:
        descriptor = ""
    found = redirects.redirection(walk, [*nodes, *behind], source, scope, context)
    if descriptor and len(found.redirects) > len(nodes):
        found.redirects[len(nodes)] = found.redirects[len(nodes)]._replace(fd=int(descriptor))
    for extra in found.extra:
        fields += words.fields(extra)[0]
        walk.context = context
    return run(walk, fields, tuple(env), found, scope, context)


def with_redirects(
    walk: Walker, bodies: list[Node], nodes: list[Node], source: Source, scope: Scope, context: Context
) -> Text | None:
    """Walk statements with the redirects of `nodes`."""
    if len(bodies) == 1 and bodies[0].type == "command":
        return command(walk, bodies[0], source, scope, context, nodes)
    found = redirects.redirection(walk, nodes, source, scope, context)
    if not bodies:
        walk.add(Call("", (), redirects=tuple(found.redirects), stdin=found.stdin and found.stdin.text), context)
        write(walk, found.redirects, SILENT, scope, context)
        return SILENT
    inner = context._replace(redirects=(*context.redirects, *found.redirects))
    if found.replaced:
        inner = inner._replace(stdin=found.stdin, feed=found.feeder)
    out = together([walk.statement(body, source, scope, inner) for body in bodies])
    return write(walk, found.redirects, out, scope, context)


def run(
    walk: Walker,
    fields: list[Field],
    env: tuple[tuple[str, str], ...],
    found: Redirection,
    scope: Scope,
    context: Context,
) -> Text | None:
    """A simple command with its words resolved."""
    stdin, feed = (found.stdin, found.feeder) if found.replaced else (context.stdin, context.feed)
    redirects = (*context.redirects, *found.redirects)
    walk.budget.step(len(fields) // 8)
    if not fields:
        if env or found.redirects:
            walk.add(Call("", (), env, redirects), context)
        return write(walk, found.redirects, SILENT, scope, context)
    name, passed = name_of(walk, fields, scope)
    argv, unknown, fed = [], False, False
    for field in fields:
        argv.append(field.text)
        unknown = unknown or not field.known
        fed = fed or field.feeder is not None
    if fed and feed is None:
        feed = feeder_of(walk, name, fields)
    via = join_via(context.via, passed) if passed else context.via
    call = Call(name, tuple(argv), env, redirects, feed, stdin.text if stdin is not None else None, unknown=unknown)
    if not walk.add(call, context, via):
        return None
    out = looked_through(walk, name, fields, stdin, scope, context, (feed, redirects, via))
    if out is None:
        out = outputs.printed(name, argv, stdin, scope)
        if out is not None and name == "tee":
            for path in argv[1:]:
                later(walk, path, out, scope, context)
    if name in effects.LASTING:
        effects.apply(name, fields, stdin, out, scope)
    return write(walk, found.redirects, out, scope, context) if found.redirects else out


def plainly(walk: Walker, command: Simple, scope: Scope, context: Context) -> Text | None:
    """`run` for a command of plain words, most of which have nothing inside that is run and leave nothing behind."""
    words = command.words
    first = words[0]
    name = posixpath.basename(first.rstrip("/")) if "/" in first and first.strip("/") else first
    if (
        name in _LEAVING
        or name[-4:-3] == "."
        or (command.odd and (0 in command.odd or any(field.via for field in command.odd.values())))
        or (name == "printf" and words[1:2] == ["-v"])
        or (name == "sed" and scope.files)
        or scope.copies
        or scope.functions
        or scope.aliases
        or may_hold(name, first, scope)
    ):
        return run(walk, command.fields(), (), redirection(command.redirects, scope), scope, context)
    stdin, feed, redirects = context.stdin, context.feed, context.redirects
    if command.redirects:
        found = redirection(command.redirects, scope)
        redirects = (*redirects, *command.redirects)
        if found.replaced:
            stdin, feed = found.stdin, None
    walk.budget.step(len(words) // 8)
    call = Call(name, tuple(words), (), redirects, feed, stdin.text if stdin is not None else None)
    if not walk.add(call, context, context.via):
        return None
    if not walk.budget.done:
        walk.budget.deeper(context.depth + 1)
    out = outputs.printed(name, words, stdin, scope)
    return write(walk, command.redirects, out, scope, context) if command.redirects else out


def redirection(redirects: list[Redirect], scope: Scope) -> Redirection:
    """Redirects of plain words."""
    found = Redirection(redirects, [])
    for redirect in redirects:
        if redirect.op == "<" and redirect.fd in (None, 0):
            found.replaced, found.stdin = True, scope.read(redirect.target)
    return found


def write(walk: Walker, redirects: Sequence[Redirect], out: Text | None, scope: Scope, context: Context) -> Text | None:
    """Let the files be written that standard output goes to; what is left of the output."""
    for redirect in redirects:
        if redirect.fd in (None, 1) and redirect.op in (">", ">>", ">|", "&>", "&>>", ">&"):
            if redirect.target.isdigit() or redirect.target == "-":
                continue
            path = redirect.target
            scope.write(path, out, append=redirect.op in (">>", "&>>"))
            if out is not None:
                later(walk, path, out, scope, context)
            out = SILENT
    return out


def later(walk: Walker, path: str, text: Text, scope: Scope, context: Context) -> None:
    """Walk what a file written here will run."""
    for program in deferred(path, text):
        run_program(walk, program, scope, context._replace(stdin=None, feed=None, redirects=()))


def name_of(walk: Walker, fields: list[Field], scope: Scope) -> tuple[str, tuple[str, ...]]:
    """The name of the program, and what was looked through to know it."""
    first = fields[0]
    text = first.text if first.known else first.bare
    via = first.via
    if text in scope.copies:
        text, via = scope.copies[text], (*via, "copy")
    elif first.glob:
        resolved = globs.program(text)
        if resolved != text:
            text, via = resolved, (*via, "glob")
    for field in fields[1:]:
        if field.via:
            via = join_via(via, tuple(name for name in field.via if name not in _LOUD_VIA or name == "ifs"))
    name = posixpath.basename(text.rstrip("/")) if "/" in text and text.strip("/") else text
    lower = name.lower() if "." in name else name
    return (lower if lower.endswith((".exe", ".bat", ".cmd", ".com")) else name), via


def feeder_of(walk: Walker, name: str, fields: list[Field]) -> int | None:
    """The call that feeds a program text or a file substituted among the words."""
    if name not in _PROGRAM_TAKERS and not programs_of(name, [Field(name), Field("-c"), Field("x")], None, Scope()):
        return next((field.feeder for field in fields if field.feeder is not None and field.text[:2] == "<("), None)
    return next((field.feeder for field in fields[1:] if field.feeder is not None), None)


def may_hold(name: str, first: str, scope: Scope) -> bool:
    """Whether a command can run anything but itself, by its name and the word it was written as."""
    return (
        name in HOLDERS
        or name in GIVEN_PROGRAMS
        or name[:3] in LANGUAGE_STARTS
        or name[:3] == "ld-"
        or ("/" in first and bool(scope.files))
    )


def looked_through(
    walk: Walker,
    name: str,
    fields: list[Field],
    stdin: Text | None,
    scope: Scope,
    context: Context,
    given: tuple[int | None, tuple[Redirect, ...], tuple[str, ...]],
) -> Text | None:
    """Walk what is inside a command: a function, an alias, another command, a program.

    `given` are the feeder, the redirects and what was looked through to find the command.
    """
    if walk.budget.done or not walk.budget.deeper(context.depth + 1):
        return None
    if not (scope.functions or scope.aliases or may_hold(name, fields[0].text, scope)):
        return None
    feed, redirects, via = given
    _, _, _, _, loop, items, times, background, remote, depth, lines = context
    deeper = Context(via, stdin, feed, redirects, loop, items, times, background, remote, depth + 1, lines)
    if name in scope.functions:
        arguments = tuple(field.text for field in fields[1:])
        return call_function(walk, name, scope.functions[name], arguments, scope, deeper)
    if name in scope.aliases and fields[0].known:
        value = scope.aliases.pop(name)
        text = " ".join([value.text, *(_quote(field) for field in fields[1:])])
        out = walk.text(text, scope, deeper._replace(via=join_via(deeper.via, ("alias",), value.via)))
        scope.aliases[name] = value
        return out
    out = None
    for found in inner_of(name, fields, stdin.text if stdin is not None else None, context.lines):
        out = run_inner(walk, found, scope, deeper)
    if name not in TRANSPARENT:
        out = None
    for program in programs_of(name, fields, stdin, scope):
        out = run_program(walk, program, scope, deeper)
    return out


def call_function(
    walk: Walker, name: str, function: Function, arguments: tuple[str, ...] | None, scope: Scope, context: Context
) -> Text | None:
    """Run the body of a function."""
    scope.called.add(name)
    if name in walk.functions or len(walk.functions) > 8:
        return None
    walk.functions.add(name)
    before, scope.positional = scope.positional, arguments
    inner = context._replace(via=join_via(context.via, ("function",)), depth=context.depth + 1)
    out = walk.statement(function.body, function.source, scope, inner)
    scope.positional = before
    walk.functions.discard(name)
    return out


def run_inner(walk: Walker, found: Inner, scope: Scope, context: Context) -> Text | None:
    """Walk a command inside a command."""
    inner = context._replace(via=join_via(context.via, (found.via,)), remote=context.remote or found.remote)
    if found.loop:
        inner = looped(inner, found.items[: walk.budget.limits.items], found.times)
    return run(walk, found.argv, found.env, Redirection([], []), scope, inner)


def run_program(walk: Walker, program: Program, scope: Scope, context: Context) -> Text | None:
    """Walk a program inside a command."""
    via = join_via(context.via, program.text.via, (program.via,))
    inner = context._replace(via=via, remote=context.remote or program.remote, depth=context.depth + 1)
    if program.language != "sh":
        foreign(walk, program, scope, inner)
        return None
    if not script_text(program.text.text):
        return None
    if program.via in _APART:
        inner = inner._replace(stdin=None, feed=None, redirects=_unread(inner.redirects, program.via))
    if program.same_shell:
        before = scope.positional
        scope.positional = program.positional if program.positional is not None else before
        out = walk.text(program.text.text, scope, inner)
        scope.positional = before
        return out
    below = scope.child()
    below.positional = program.positional
    if program.zero:
        below.set("0", Text(program.zero))
    return walk.text(program.text.text, below, inner)


def foreign(walk: Walker, program: Program, scope: Scope, context: Context) -> None:
    """Walk the commands that a program in another language starts."""
    if program.language != "awk" and len(walk.code) < 32:
        walk.code.append((program.language, program.text.text))
    context = context._replace(stdin=None, feed=None, redirects=())
    if program.language == "python":
        for started in started_by_python(program.text.text):
            inner = looped(context, (), 0) if started.loop else context
            start(walk, started.words, started.text, scope, inner)
    else:
        for foreign in started_by_foreign(program.language, program.text.text):
            start(walk, foreign.words, foreign.text, scope, context)


def start(walk: Walker, words: tuple[str, ...], text: str, scope: Scope, context: Context) -> None:
    """Walk one command that a program starts, in a shell of its own."""
    if words:
        fields = [Field(word, "$" not in word and word != "?", word, word) for word in words]
        run(walk, fields, (), Redirection([], []), scope.child(), context)
    else:
        walk.text(text, scope.child(), context)


def _unread(redirects: tuple[Redirect, ...], via: str) -> tuple[Redirect, ...]:
    """The redirects that still hold for a program that was itself read from standard input, or that runs later."""
    if via in ("crontab", "unit", "profile", "at"):
        return ()
    return tuple(one for one in redirects if not (one.op.startswith("<") and one.op != "<&" and one.fd in (None, 0)))


def _quote(field: Field) -> str:
    if re.fullmatch(r"[\w@%+=:,./-]+", field.text):
        return field.text
    return "'" + field.text.replace("'", "'\\''") + "'" if field.known else field.again()
