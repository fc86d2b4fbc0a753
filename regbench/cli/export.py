"""`regbench export FOLDER MODEL.onnx`: a trained run for programs without Python or torch."""

from __future__ import annotations

from collections.abc import Sequence

from regbench.cli.predict import check_output, printed_warnings
from regbench.cli.words import Words
from regbench.errors import escape

HELP = """\
usage: regbench export FOLDER MODEL.onnx [--force]

  FOLDER      a complete run, runs/NAME/RUN
  MODEL.onnx  the file to write
  --force     replace MODEL.onnx if it exists

The graph takes raw rows: filling in, encoding, scaling, the networks and the target's own unit are inside. Its inputs,
for N rows:
  rows        float64 [N, ...]: arrays in the shape and unit of training
  numbers     float64 [N, columns]: a table's columns of numbers; truth values are 0 and 1, dates are days since
              1970-01-01, durations are days, NaN is a missing value
  categories  int64 [N, columns]: a table's other columns, as numbers of their levels; -1 is any other value
The order of columns and levels is in the model's metadata `regbench`, as JSON. Output: probabilities [N, classes] or
[N, labels], or the prediction in its own unit, [N] or [N, targets]. The file is kept if onnxruntime predicts from it
what the run does, to 1e-5. It needs the extra `onnx`: pip install 'regbench[onnx]'
"""


def export(words: Sequence[str]) -> int:
    """Export a run and say what the file takes.

    Raises:
        ConfigError: a word, the folder or the place to write cannot be used, or the extra is not installed.
        RegbenchError: the exported model predicts something else; nothing was written.
    """
    if words and words[0] in ("-h", "--help"):
        print(HELP, end="")
        return 0
    parser = Words("export", "usage: regbench export FOLDER MODEL.onnx [--force]", add_help=False)
    parser.add_argument("folder", metavar="FOLDER")
    parser.add_argument("out", metavar="MODEL.onnx")
    parser.add_argument("--force", action="store_true")
    given = parser.parse_args(words)
    out = check_output(given.out, given.force)

    from regbench.runs.export_onnx import export_onnx
    from regbench.runs.load_model import load_model

    with printed_warnings():
        model = load_model(given.folder)
    exported = export_onnx(model, out)
    for name, kind in exported.inputs.items():
        print(f"input       {name}: {kind}")
    print(f"output      {exported.output}")
    print(f"difference  {exported.difference:.1e} at most from the run's own predictions, by onnxruntime")
    print(f"file        {escape(str(out))}")
    return 0
