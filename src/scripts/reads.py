"""The measured tables that a step reads, as patterns in its specification; all files would be too long a command."""


def list_reads(spec: dict) -> dict[str, list[str]]:
    """Table -> the files of it that a step reads: of every named experiment, those of its own seeds.

    Args:
        spec: with `reads`, table -> {path (a pattern of {name} and {seed}), names}, and `seeds`, name -> (first, count)
    """
    return {
        table: [
            read["path"].format(name=name, seed=first + i)
            for name in read["names"]
            for first, count in [spec["seeds"][name]]
            for i in range(count)
        ]
        for table, read in spec["reads"].items()
    }
