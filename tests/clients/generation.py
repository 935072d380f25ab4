"""Generate and compile all clients: five in one run of openapi-generator, the others one by one."""

import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.clients.workshop import CONTRACT, Workshop

OPENAPI_GENERATOR: Mapping[str, Mapping[str, Any]] = {
    "python": {"additionalProperties": {"packageName": "taskward_generated"}},
    "typescript-fetch": {"additionalProperties": {"importFileExtension": ".js"}},
    "java": {
        "library": "native",
        "additionalProperties": {
            "invokerPackage": "taskward.invoker",
            "apiPackage": "taskward.api",
            "modelPackage": "taskward.model",
        },
    },
    "go": {
        "additionalProperties": {
            "packageName": "taskward",
            "disallowAdditionalPropertiesIfNotPresent": False,
            "useOneOfDiscriminatorLookup": True,
            "withGoMod": False,
        }
    },
    "kotlin": {
        "library": "jvm-ktor",
        "schemaMappings": {"BatchOperation": "kotlin.Any"},
        "additionalProperties": {"serializationLibrary": "jackson", "packageName": "taskward"},
    },
}
"""The options of each generator of openapi-generator."""

CLASHING = ("csharp", "swift6")
"""Generators of languages that have a class `Task`. They run, but nothing compiles the result."""
RENAMED = {"modelNameMappings": {"Task": "TaskItem"}}

# Strict, but for what every client of this generator does: *args that are handed on.
_MYPY = """
[mypy]
strict = true
[mypy-taskward_client.client]
disable_error_code = arg-type
"""
_KOTLIN_COMPILER = "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler"
# Start fast: these programs run for seconds.
_JAVA_OPTIONS = ("-XX:TieredStopAtLevel=1", "-Xshare:auto")


def build(workshop: Workshop, bundled: bytes) -> None:
    """Generate and compile every client. Raises `AssertionError` if a program fails."""
    (workshop.folder / "openapi.bundled.json").write_bytes(bundled)
    with ThreadPoolExecutor(2) as threads:
        jvm = threads.submit(_with_openapi_generator, workshop)
        others = threads.submit(_with_others, workshop)
        jvm.result()
        compiling = threads.submit(_compile_kotlin, workshop)
        _compile_java(workshop)
        others.result()
        _compile_go(workshop)
        _compile_typescript(workshop)
        compiling.result()


def generated(workshop: Workshop, name: str) -> Path:
    """Return the folder of a client that openapi-generator made."""
    inside = "typescript/generated" if name.startswith("typescript") else "generated"
    return workshop.folder / inside / name


def _with_openapi_generator(workshop: Workshop) -> None:
    configurations = [
        _configuration(workshop, name, options)
        for name, options in (*OPENAPI_GENERATOR.items(), *((each, RENAMED) for each in CLASHING))
    ]
    jar = workshop.openapi_generator
    workshop.run(workshop.java, *_JAVA_OPTIONS, "-jar", jar, "batch", *configurations)
    for name in (*OPENAPI_GENERATOR, *CLASHING):
        assert generated(workshop, name).exists(), f"nothing was generated for {name}"
    for name in CLASHING:
        files = generated(workshop, name).rglob("*")
        code = "\n".join(each.read_text() for each in files if each.suffix in (".cs", ".swift"))
        assert re.search(r"(class|struct) TaskItem\b", code)
        assert not re.search(r"(class|struct) Task\b", code)


def _configuration(workshop: Workshop, name: str, options: Mapping[str, Any]) -> Path:
    path = workshop.folder / f"{name}.json"
    own = {"generatorName": name, "inputSpec": str(CONTRACT)}
    path.write_text(json.dumps({**own, "outputDir": str(generated(workshop, name)), **options}))
    return path


def _with_others(workshop: Workshop) -> None:
    folder, programs = workshop.folder / "typescript", workshop.node_programs
    made, bundled = folder / "generated", workshop.folder / "openapi.bundled.json"
    (made / "openapi-zod-client").mkdir(parents=True)
    (folder / "openapi.yaml").symlink_to(CONTRACT)
    types = made / "openapi-typescript" / "schema.d.ts"
    workshop.run(programs / "openapi-typescript", CONTRACT, "-o", types, folder=folder)
    workshop.run(programs / "openapi-ts", "-f", "hey-api.config.mjs", folder=folder)
    api = made / "openapi-zod-client" / "api.ts"
    command = programs / "openapi-zod-client"
    workshop.run(command, bundled, "-o", api, "--export-schemas", folder=folder)
    output = ("-o", made / "swagger-typescript-api", "-n", "api.ts")
    command = programs / "swagger-typescript-api"
    workshop.run(command, "generate", "-p", bundled, *output, folder=folder)
    _python_client(workshop)


def _python_client(workshop: Workshop) -> None:
    folder = workshop.folder / "python"
    output = ("--output-path", "taskward_client", "--meta", "none", "--fail-on-warning")
    command = ("python", "-m", "openapi_python_client", "generate", "--path", CONTRACT)
    workshop.run(*command, *output, folder=folder)
    (folder / "mypy.ini").write_text(_MYPY)
    workshop.run(
        "mypy", "--config-file", "mypy.ini", "with_openapi_python_client.py", folder=folder
    )


def _compile_typescript(workshop: Workshop) -> None:
    command = (workshop.node_programs / "tsc", "-p", "tsconfig.stories.json")
    workshop.run(*command, folder=workshop.folder / "typescript")


def _compile_java(workshop: Workshop) -> None:
    sources = [
        *generated(workshop, "java").glob("src/main/**/*.java"),
        *(workshop.folder / "java").rglob("*.java"),
    ]
    options = ("-nowarn", "-proc:none", "-d", "java/classes", "-cp", workshop.java_classes)
    workshop.run(workshop.javac, *options, *sources)


def _compile_go(workshop: Workshop) -> None:
    folder = generated(workshop, "go")
    (folder / "go.mod").write_text("module taskward\n\ngo 1.19\n")
    (folder / "story").mkdir()
    (workshop.folder / "go" / "story.go").rename(folder / "story" / "main.go")
    workshop.run(workshop.go, "build", "-o", "tell", "./story", folder=folder)


def _compile_kotlin(workshop: Workshop) -> None:
    command = (workshop.java, *_JAVA_OPTIONS, "-cp", f"{workshop.kotlin}/*", _KOTLIN_COMPILER)
    # Only what the story uses and the client needs is on the class path.
    options = ("-no-stdlib", "-no-reflect", "-nowarn", "-Xskip-metadata-version-check")
    sources = (generated(workshop, "kotlin") / "src" / "main", "kotlin/Story.kt")
    classes = ("-cp", workshop.kotlin_classes, "-d", "kotlin/classes")
    workshop.run(*command, *options, *classes, *sources)
