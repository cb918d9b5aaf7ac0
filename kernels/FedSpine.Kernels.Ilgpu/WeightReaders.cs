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

/// <summary>An element as it lies in memory: reading it waits for nothing, decoding it does.</summary>
internal struct RawElement
{
    public uint Bits;
    public uint Scale; // Q8_0: the block's, a float16
}

/// <summary>Reads elements of one weight type, as float32.</summary>
internal interface IWeightReader
{
    static abstract RawElement Load(DeviceWeight w, int row, int column);

    static abstract float Decode(RawElement raw, int column);

    static abstract float At(DeviceWeight w, int row, int column);
}

internal readonly struct ReadF32 : IWeightReader
{
    public static RawElement Load(DeviceWeight w, int row, int column) => new() { Bits = Interop.FloatAsInt(w.Floats[w.Offset + row * w.RowStride + column]) };

    public static float Decode(RawElement raw, int column) => Interop.IntAsFloat(raw.Bits);

    public static float At(DeviceWeight w, int row, int column) => w.Floats[w.Offset + row * w.RowStride + column];
}

internal readonly struct ReadBF16 : IWeightReader
{
    public static RawElement Load(DeviceWeight w, int row, int column) => new() { Bits = w.Halves[row * w.RowStride + column] };

    public static float Decode(RawElement raw, int column) => Interop.IntAsFloat(raw.Bits << 16);

    public static float At(DeviceWeight w, int row, int column) => Decode(Load(w, row, column), column);
}

internal readonly struct ReadQ8 : IWeightReader
{
    private const int BlockHalves = 17;

    public static RawElement Load(DeviceWeight w, int row, int column)
    {
        int block = row * w.RowStride + column / 32 * BlockHalves;
        return new() { Bits = w.Halves[block + 1 + column % 32 / 2], Scale = w.Halves[block] };
    }

    public static float Decode(RawElement raw, int column)
    {
        int q = (int)(raw.Bits >> (8 * (column & 1))) & 255; // two a word
        return FromHalf((int)raw.Scale) * (q - (q & 128) * 2);
    }

    public static float At(DeviceWeight w, int row, int column) => Decode(Load(w, row, column), column);

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
