"""What pyproject.toml cannot say: schemas/ lies beside the package and is installed inside it."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[*find_namespace_packages(include=["pipeline", "pipeline.*"]), "pipeline.schemas"],
    package_dir={"pipeline.schemas": "schemas"},
    package_data={"pipeline.schemas": ["*.schema.json"]},
)
