using ILGPU;

namespace FedSpine.Kernels.Ilgpu;

/// <summary>A weight of any type as kernels see it: one of the views is its memory, the other is not to be touched.</summary>
internal struct DeviceWeight
{
    public FloatView Floats;          // F32
    public ArrayView<ushort> Halves;  // BF16, one an element; Q8_0, 17 a block: the scale, then 32 bytes
    public int RowStride;             // elements of the view from row to row
    public int Offset;                // elements before the first row
}

/// <summary>Reads elements of one weight type, as float32.</summary>
internal interface IWeightReader
{
    static abstract float At(DeviceWeight w, int row, int column);
}

internal readonly struct ReadF32 : IWeightReader
{
    public static float At(DeviceWeight w, int row, int column) => w.Floats[w.Offset + row * w.RowStride + column];
}

internal readonly struct ReadBF16 : IWeightReader
{
    public static float At(DeviceWeight w, int row, int column) => Interop.IntAsFloat((uint)w.Halves[row * w.RowStride + column] << 16);
}

internal readonly struct ReadQ8 : IWeightReader
{
    private const int BlockHalves = 17;

    public static float At(DeviceWeight w, int row, int column)
    {
        int block = row * w.RowStride + column / 32 * BlockHalves, within = column % 32;
        int pair = w.Halves[block + 1 + within / 2];
        int q = within % 2 == 0 ? pair & 255 : pair >> 8;
        return FromHalf(w.Halves[block]) * (q < 128 ? q : q - 256);
    }

    /// <summary>A float16 by hand: devices without half precision have no instruction for it.</summary>
    private static float FromHalf(int bits)
    {
        int exponent = (bits >> 10) & 31, fraction = bits & 1023;
        float value;
        if (exponent == 0)
            value = fraction * (1f / 16777216); // denormal
        else if (exponent == 31)
            value = Interop.IntAsFloat(0x7F800000u | ((uint)fraction << 13));
        else
            value = Interop.IntAsFloat(((uint)(exponent + 112) << 23) | ((uint)fraction << 13));
        return bits >= 32768 ? -value : value;
    }
}
