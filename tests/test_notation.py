"""Text to layers and sizes: what people write is read, and everything else is refused with help."""

import time
import warnings
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from convpool.errors import ArgumentError, ArgumentTypeError, ConvpoolError
from convpool.notation import input_shape, parse_layer, parse_net, parse_shape
from convpool.spec import (
    LAYERS,
    AvgPool2dSpec,
    Conv2dSpec,
    ConvTranspose2dSpec,
    LayerSpec,
    MaxPool2dSpec,
    MaxUnpool2dSpec,
)

CONV = Conv2dSpec(3, 64, 7, stride=2, padding=3)


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        ("Conv2d(3, 64, 7, 2, 3)", CONV),
        ("Conv2d(3,64,7,stride=2,padding=3)", CONV),
        ("nn.Conv2d(3, 64, 7, stride=2, padding=3)", CONV),
        ("torch.nn.Conv2d(3, 64, 7, stride=2, padding=3)", CONV),
        ("convpool.nn.Conv2d(3, 64, 7, stride=2, padding=3)", CONV),
        ("Conv2d(padding=3, stride=2, kernel_size=7, out_channels=64, in_channels=3)", CONV),
        ("Conv2d(3, 64, (7, 7), (2, 2), (3, 3))", CONV),
        ("Conv2d(3, 64, [7, 7], stride=[2], padding=((3, 3), [3, 3]))", CONV),
        ("  Conv2d( 3 ,64 , 7, stride = 2, padding=3 , )  ", CONV),
        ("\n\tConv2d(\n  3, 64,\n  kernel_size=7,\r\n  stride=2,  # half\n  padding=3,\n)\n", CONV),
        ("Conv2d(0x3, 6_4, 0b111, stride=2, padding=3)", CONV),
        ("Conv2d(3, 8, 3, padding='same')", Conv2dSpec(3, 8, 3, padding="same")),
        ('Conv2d(3, 8, 3, padding="same")', Conv2dSpec(3, 8, 3, padding="same")),
        ("Conv2d(3, 8, 3, padding=same)", Conv2dSpec(3, 8, 3, padding="same")),
        ("Conv2d(3, 8, 3, padding=valid)", Conv2dSpec(3, 8, 3, padding="valid")),
        (
            "Conv2d(3, 8, 3, padding=1, padding_mode=reflect, bias=False)",
            Conv2dSpec(3, 8, 3, padding=1, padding_mode="reflect", bias=False),
        ),
        (
            "Conv2d(3, 8, 3, padding_mode='circular')",
            Conv2dSpec(3, 8, 3, padding_mode="circular"),
        ),
        ("ConvTranspose2d(8, 4, 3, 2, 1, 1)", ConvTranspose2dSpec(8, 4, 3, 2, 1, 1)),
        (
            "MaxPool2d(2, None, 0, 1, True, True)",
            MaxPool2dSpec(2, return_indices=True, ceil_mode=True),
        ),
        ("nn.MaxPool2d((3, 2), stride=None)", MaxPool2dSpec((3, 2))),
        ("AvgPool2d(2, divisor_override=-3)", AvgPool2dSpec(2, divisor_override=-3)),
        ("MaxUnpool2d(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))", MaxUnpool2dSpec(2)),
    ],
)
def test_layer(text: str, layer: LayerSpec) -> None:
    assert parse_layer(text) == layer


EXPRESSION = "must be an expression such as 'Conv2d(3, 64, 7, stride=2)' or 'MaxPool2d(3)'"
WRITTEN_OUT = "must be written out: a number, True, False, a word or a pair"
KNOWN = "must be one of Conv2d, ConvTranspose2d, MaxPool2d, AvgPool2d, MaxUnpool2d"
POOL = (
    "must be of the form MaxPool2d(kernel_size, stride=None, padding=0, dilation=1, "
    "return_indices=False, ceil_mode=False)"
)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "  ",
            "#",
            "MaxPool2d",
            "MaxPool2d(3",
            "MaxPool2d 3",
            "MaxPool2d(3))",
            "MaxPool2d(3);",
        ),
        *("MaxPool2d(3), MaxPool2d(3)", "MaxPool2d(3)\nMaxPool2d(3)", "x = MaxPool2d(3)"),
        *("MaxPool2d(3) if 1 else 2", "MaxPool2d(3)[0]", "MaxPool2d(3).stride", "-MaxPool2d(3)"),
        *("[MaxPool2d(3)]", "lambda: MaxPool2d(3)", "(MaxPool2d(3), )", "await MaxPool2d(3)"),
        *("MaxPool2d(3\0)", "\0", "\ufeffMaxPool2d(3)", "MaxPool2d(\ud800)", "MaxPool2d('\ud800')"),
        *("MaxPool2d(\uff13)", "MaxPool2d(\u0663)", "MaxPool2d(\xb2)", "MaxPool2d(3\u00d73)"),
        *("MaxPool2d(007)", "MaxPool2d(3 3)", "MaxPool2d('3)", "MaxPool2d(kernel_size 3)"),
        *("MaxPool2d(kernel_size=3, 2)", "MaxPool2d(3=3)", "import os", "MaxPool2d(3)\\"),
        "-" * 1000,
    ],
    ids=ascii,
)
def test_no_expression(text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        parse_layer(text)
    assert str(caught.value).startswith("layer is ")
    assert EXPRESSION in str(caught.value)
    assert caught.value.args[1] == text


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("os.Conv2d(1, 1, 1)", "Conv2d"),
        ("a.nn.Conv2d(1, 1, 1)", "Conv2d"),
        ("torch.nn.functional.Conv2d(1, 1, 1)", "Conv2d"),
        ("torch.Conv2d(1, 1, 1)", "Conv2d"),
        ("'nn'.MaxPool2d(3)", "MaxPool2d"),
        ("nn().MaxPool2d(3)", "MaxPool2d"),
        ("maxpool2d(3)", "MaxPool2d"),
        ("max_pool2d(3)", "MaxPool2d"),
        ("MaxPool2D(3)", "MaxPool2d"),
        ("MaxPool3d(3)", "MaxPool2d"),
        ("Conv2(1, 1, 1)", "Conv2d"),
        ("AveragePool2d(3)", "AvgPool2d"),
        ("ConvTransposed2d(1, 1, 1)", "ConvTranspose2d"),
        ("Linear(3, 3)", None),
        ("print(3)", None),
        ("__import__('os').system('true')", None),
        ("(lambda: 3)(4)", None),
        ("MaxPool2d(3)(4)", None),
        ("MaxPool2d[0](3)", None),
        ("3(4)", None),
        ("''('')", None),
        ("(yield)(3)", None),
    ],
)
def test_no_layer(text: str, hint: str | None) -> None:
    with pytest.raises(ArgumentError) as caught:
        parse_layer(text)
    message = str(caught.value)
    assert KNOWN in message
    assert message.endswith(f"(did you mean {hint}?)" if hint else "MaxUnpool2d")


@pytest.mark.parametrize(
    "text",
    [
        *("2**62", "1+1", "3 - 1", "--3", "+3", "~3", "not 3", "-True", "-'3'", "-(-3)", "3 < 4"),
        *("x", "kernel", "inf", "nan", "os.sep", "same.x", "print(3)", "MaxPool2d(3)", "int('3')"),
        *("b'3'", "3j", "...", "f'{3}'", "f'same'", "{3}", "{}", "{3: 3}", "{**{}}"),
        *("lambda: 3", "[3 for x in y]", "(3 for x in y)", "{3 for x in y}", "*[3]", "(x := 3)"),
        *("3 if 1 else 2", "3 or 4", "a[0]", "(yield)", "await x", "1if 2else 3"),
    ],
)
def test_no_literal(text: str) -> None:
    for layer, argument in (
        (f"MaxPool2d({text})", "argument 1"),
        (f"MaxPool2d(2, {text})", "argument 2"),
        (f"MaxPool2d([1, {text}])", "argument 1[1]"),
        (f"MaxPool2d(2, padding=((0, 0), ({text}, 0)))", "padding[1][0]"),
        (f"nn.MaxPool2d(\n  kernel_size={text})", "kernel_size"),
    ):
        if text.startswith("*") and argument == "kernel_size":
            continue  # no expression at all
        with pytest.raises(ArgumentError) as caught:
            parse_layer(layer)
        named, written, _ = caught.value.args
        assert named == argument
        assert written.strip("()") == text.strip("()") or "for x" in text
        assert WRITTEN_OUT in str(caught.value)


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("MaxPool2d()", ArgumentError, f"{POOL} (missing a required argument: 'kernel_size')"),
        ("MaxPool2d(3, 3, stride=3)", ArgumentError, "multiple values for argument 'stride'"),
        ("MaxPool2d(3, filters=1)", ArgumentError, f"{POOL} (got an unexpected keyword argument"),
        ("MaxPool2d(1, 1, 0, 1, True, True, 1)", ArgumentError, f"{POOL} (too many positional"),
        ("MaxPool2d(kernel_size=3, kernel_size=2)", ArgumentError, "with kernel_size once only"),
        ("MaxPool2d(**{'kernel_size': 3})", ArgumentError, "must be written without ** arguments"),
        ("MaxPool2d(3, **kwargs)", ArgumentError, "must be written without ** arguments"),
        ("MaxPool2d(*args)", ArgumentError, f"argument 1 is '*args', but {WRITTEN_OUT}"),
        ("MaxPool2d(self=3)", ArgumentError, POOL),
        ("MaxPool2d(-3)", ArgumentError, "kernel_size is -3, but must be a whole number"),
        ("MaxPool2d((3, -3))", ArgumentError, "kernel_size[1] is -3, but must be a whole number"),
        ("MaxPool2d(3.0)", ArgumentTypeError, "kernel_size is 3.0 (float), but must be"),
        ("MaxPool2d(1e999)", ArgumentTypeError, "kernel_size is inf (float), but must be"),
        ("MaxPool2d('3')", ArgumentTypeError, "kernel_size is '3' (str), but must be"),
        ("MaxPool2d(None)", ArgumentTypeError, "kernel_size is None (NoneType), but must be"),
        ("MaxPool2d(True)", ArgumentTypeError, "kernel_size is True (bool), but must be"),
        ("MaxPool2d(same)", ArgumentTypeError, "kernel_size is 'same' (str), but must be"),
        ("MaxPool2d(2, ceil_mode=1)", ArgumentTypeError, "ceil_mode is 1 (int), but must be True"),
        ("Conv2d(1, 1, 1, padding=zeros)", ArgumentError, "padding is 'zeros', but must be one of"),
        ("Conv2d(1, 1, 1, padding='')", ArgumentError, "padding is '', but must be one of"),
        ("Conv2d(1, 1, 1, padding='\\d')", ArgumentError, "padding is '\\\\d', but must be one of"),
        ("MaxPool2d([[[[3]]]])", ArgumentTypeError, "kernel_size[0] is (((3,),),) (tuple), but"),
    ],
)
def test_wrong_argument(text: str, kind: type[ConvpoolError], message: str) -> None:
    with pytest.raises(ConvpoolError) as caught:
        parse_layer(text)
    assert type(caught.value) is kind
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        *("a" + ".a" * 490 + "(3)", "a" + "()" * 490, "a" + "[0]" * 320 + "(3)"),
        *("MaxPool2d(" * 80, "MaxPool2d(" * 80 + "3" + ")" * 80, "(" * 490 + "3" + ")" * 490),
        *("MaxPool2d(" + "[" * n + "3" + "]" * n + ")" for n in (50, 150, 250, 450)),
        *("MaxPool2d(" + "-" * n + "3)" for n in (50, 150, 500, 980)),
        *("MaxPool2d(1" + "+1" * 490 + ")", "MaxPool2d(x" + ".x" * 490 + ")"),
        *("MaxPool2d(" + "not " * 240 + "3)", "MaxPool2d(" + "lambda:" * 140 + "3)"),
    ],
    ids=lambda text: text[:20],
)
def test_nested_text(text: str) -> None:
    """Python's own limits of nesting, which differ between its versions, never show."""
    with pytest.raises((ArgumentError, ArgumentTypeError)) as caught:
        parse_layer(text)
    assert str(caught.value).startswith(("layer is ", "argument 1 is ", "kernel_size[0] is "))


@pytest.mark.parametrize("text", [None, 3, b"MaxPool2d(3)", ["MaxPool2d(3)"], MaxPool2dSpec(3)])
def test_no_text(text: Any) -> None:
    with pytest.raises(ArgumentTypeError, match=r"^layer is .* must be text such as 'Conv2d"):
        parse_layer(text)
    with pytest.raises(ArgumentTypeError, match=r"^--input is .* must be text such as '3x224x224'"):
        parse_shape("--input", text)


def test_long_text() -> None:
    longest = "MaxPool2d(3" + " " * 988 + ")"
    assert parse_layer(longest) == MaxPool2dSpec(3)
    with pytest.raises(ArgumentError, match="at most 1000 characters"):
        parse_layer(longest + " ")
    start = time.process_time()  # not the clock: other tests run beside this one
    with pytest.raises(ArgumentError, match="at most 1000 characters"):
        parse_layer("(" * 10_000_000)
    assert time.process_time() - start < 1


FRAGMENTS = [
    *LAYERS,
    *("nn.", "torch.nn.", "(", ")", "[", "]", "((", "))", ",", "=", " ", "\n", "'", '"', "\\", "#"),
    *("3", "-1", "0", "1.5", "1e9", "2**62", "None", "True", "same", "valid", "'same'", "zeros"),
    *("kernel_size=", "stride=", "padding=", "bias=", "groups=", "*", "**", ".", ":", ":=", "if "),
    *("lambda: ", "for x in ", "f'", "b'", "{", "}", "not ", "or ", "and ", "j", "x", "\r", "\x0c"),
]
COMPLETE = st.tuples(
    st.sampled_from(["", "nn.", "os."]),
    st.sampled_from([*LAYERS, "Linear"]),
    st.lists(st.sampled_from(FRAGMENTS), max_size=8).map("".join),
).map(lambda parts: f"{parts[0]}{parts[1]}({parts[2]})")
TEXTS = st.text() | st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join) | COMPLETE


@settings(max_examples=3000, deadline=2000)
@given(TEXTS)
@example("MaxPool2d(1if 2else 3)")
@example("MaxPool2d('\\d')")
@example("MaxPool2d(3)is 3")
@example("'a'is b")
def test_any_text(text: str) -> None:
    """It is a layer or one of two errors, without a warning from Python's parser."""
    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always")
        try:
            layer = parse_layer(text)
        except (ArgumentError, ArgumentTypeError) as error:
            message = str(error)
        else:
            message = ""
            assert parse_layer(repr(layer)) == layer
    assert len(message) < 1000
    assert not leaked


def test_net() -> None:
    assert parse_net(["MaxPool2d(3)", " nn.Conv2d(1, 1, 1)"]) == (
        MaxPool2dSpec(3),
        Conv2dSpec(1, 1, 1),
    )
    assert parse_net([]) == ()
    with pytest.raises(ArgumentError, match=r"^layer 2: layer is 'MaxPool2d\(\)'"):
        parse_net(["MaxPool2d(3)", "MaxPool2d()"])


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("5x5", (5, 5)),
        ("1x1", (1, 1)),
        ("3x224x224", (3, 224, 224)),
        ("8X3X32X16", (8, 3, 32, 16)),
        ("3×4", (3, 4)),
        ("3x4×5", (3, 4, 5)),
        ("9999999999999999999x1", (9999999999999999999, 1)),
    ],
)
def test_shape(text: str, shape: tuple[int, ...]) -> None:
    assert parse_shape("--input", text) == shape


@pytest.mark.parametrize(
    "text",
    [
        *("", "5", "x", "5x", "x5", "5xx5", "1x2x3x4x5", "0x5", "5x0", "-5x5", "5x-5", "+5x5"),
        *("5.0x5", "5 x 5", "5x5 ", " 5x5", "5x5\n", "5,5", "5*5", "axb", "5x\u0663", "5x\xb2"),
        *("5x\uff15", "1_0x5", "1e1x5", "5x5x", "5x10000000000000000000", "None", "5x" * 10**6),
    ],
    ids=lambda text: ascii(text[:30]),
)
def test_no_shape(text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        parse_shape("--input", text)
    assert caught.value.args[:2] == ("--input", text)
    assert "must be HxW, CxHxW or NxCxHxW in whole numbers of at least 1" in str(caught.value)


@given(st.text() | st.text("0123456789xX\xd7 -."))
def test_any_shape(text: str) -> None:
    try:
        shape = parse_shape("size", text)
    except ArgumentError:
        return
    assert parse_shape("size", "x".join(map(str, shape))) == shape


@pytest.mark.parametrize(
    ("text", "layer", "shape"),
    [
        ("5x6", "Conv2d(2, 1, 3)", (2, 5, 6)),
        ("5x6", "ConvTranspose2d(4, 1, 3)", (4, 5, 6)),
        ("5x6", "MaxPool2d(3)", (1, 5, 6)),
        ("3x5x6", "Conv2d(2, 1, 3)", (3, 5, 6)),  # refused later, by the layer
        ("2x3x5x6", "MaxPool2d(3)", (2, 3, 5, 6)),
    ],
)
def test_input_shape(text: str, layer: str, shape: tuple[int, ...]) -> None:
    assert input_shape("--input", text, parse_layer(layer)) == shape


def test_wrong_input_shape() -> None:
    with pytest.raises(ArgumentError, match=r"^--input is '5', but must be HxW"):
        input_shape("--input", "5", MaxPool2dSpec(3))
