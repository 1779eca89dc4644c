"""Vectors of float32 that a kernel holds in registers, for the loops that a compiler, left alone, does not block well.

Written as loops over lanes, a product of matrices keeps its sums in memory from one block of its inner axis to the
next. With vectors as values, as many sums as there are registers stay in them until they are complete.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

WIDTH = 8  # lanes of a vector; processors with narrower registers take two


class VectorType(types.Type):
    """WIDTH float32 as one value."""

    def __init__(self):
        super().__init__(f"float32x{WIDTH}")


vector = VectorType()
LLVM_VECTOR = ir.VectorType(ir.FloatType(), WIDTH)
LLVM_LANES = ir.VectorType(ir.IntType(32), WIDTH)


@register_model(VectorType)
class VectorModel(models.PrimitiveModel):
    def __init__(self, manager, numba_type):
        super().__init__(manager, numba_type, LLVM_VECTOR)


def _address(context, builder, signature, arguments):
    """Of the lanes from arguments[1] on of the flat array arguments[0], which is not checked to have them."""
    array, at = signature.args[:2]
    data = context.make_array(array)(context, builder, arguments[0]).data
    position = context.cast(builder, arguments[1], at, types.uintp)
    return builder.bitcast(builder.gep(data, [position]), LLVM_VECTOR.as_pointer())


@intrinsic
def load(typing, array, at):
    """The lanes array[at : at + WIDTH] of a flat float32 array."""

    def generate(context, builder, signature, arguments):
        return builder.load(_address(context, builder, signature, arguments), align=4)

    return vector(array, at), generate


@intrinsic
def store(typing, array, at, value):
    """array[at : at + WIDTH] = value"""

    def generate(context, builder, signature, arguments):
        builder.store(arguments[2], _address(context, builder, signature, arguments), align=4)
        return context.get_dummy_value()

    return types.none(array, at, value), generate


@intrinsic
def spread(typing, number):
    """A float32 in all lanes."""

    def generate(context, builder, signature, arguments):
        undefined = ir.Constant(LLVM_VECTOR, ir.Undefined)
        first = builder.insert_element(undefined, arguments[0], ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(first, undefined, ir.Constant(LLVM_LANES, [0] * WIDTH))

    return vector(types.float32), generate


@intrinsic
def multiply_add(typing, a, b, c):
    """a b + c, rounded once where the processor can."""

    def generate(context, builder, signature, arguments):
        a, b, c = arguments
        return builder.fadd(builder.fmul(a, b, flags=["contract"]), c, flags=["contract"])

    return vector(vector, vector, vector), generate


@intrinsic
def positive_part(typing, a):
    """max(a, 0) of every lane; a NaN stays. With < it is one instruction, with <= two."""

    def generate(context, builder, signature, arguments):
        zeros = ir.Constant(LLVM_VECTOR, [0.0] * WIDTH)
        return builder.select(builder.fcmp_ordered("<", arguments[0], zeros), zeros, arguments[0])

    return vector(vector), generate


@intrinsic
def total(typing, a):
    """The sum of all lanes: of both halves, of what that leaves, and so forth."""

    def generate(context, builder, signature, arguments):
        (value,), lanes = arguments, WIDTH
        while lanes > 1:
            lanes //= 2
            undefined = ir.Constant(value.type, ir.Undefined)
            low, high = (
                builder.shuffle_vector(value, undefined, ir.Constant(ir.VectorType(ir.IntType(32), lanes), numbers))
                for numbers in (list(range(lanes)), list(range(lanes, 2 * lanes)))
            )
            value = builder.fadd(low, high)
        return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    return types.float32(vector), generate
