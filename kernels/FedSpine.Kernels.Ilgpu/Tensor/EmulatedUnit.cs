using ILGPU;

namespace FedSpine.Kernels.Ilgpu.Tensor;

/// <summary>What a word of 32 bits holds.</summary>
internal interface ITensorFormat
{
    static abstract int Elements { get; }

    static abstract uint Pack(float x, float y);

    /// <summary>The product of two words: of their elements, summed.</summary>
    static abstract float Dot(uint a, uint b);

    /// <summary>Word <paramref name="at"/> of what lies in global memory.</summary>
    static abstract uint Read(DeviceWeight w, int at);
}

internal readonly struct FormatBF16 : ITensorFormat
{
    public static int Elements => 2;

    public static uint Pack(float x, float y) => Round(x) | (Round(y) << 16);

    public static float Dot(uint a, uint b) =>
        Interop.IntAsFloat(a << 16) * Interop.IntAsFloat(b << 16) + Interop.IntAsFloat(a & 0xFFFF0000u) * Interop.IntAsFloat(b & 0xFFFF0000u);

    public static uint Read(DeviceWeight w, int at) => w.Halves[2 * at] | ((uint)w.Halves[2 * at + 1] << 16);

    /// <summary>The upper half, to nearest, ties to even; NaN stays one.</summary>
    private static uint Round(float x)
    {
        uint bits = Interop.FloatAsInt(x);
        return (bits & 0x7FFFFFFFu) > 0x7F800000u ? (bits >> 16) | 64 : (bits + 0x7FFFu + ((bits >> 16) & 1)) >> 16;
    }
}

internal readonly struct FormatTF32 : ITensorFormat
{
    public static int Elements => 1;

    public static uint Pack(float x, float y) => Interop.FloatAsInt(x);

    public static float Dot(uint a, uint b) => Round(a) * Round(b);

    public static uint Read(DeviceWeight w, int at) => Interop.FloatAsInt(w.Floats[at]);

    /// <summary>13 bits less, to nearest, ties away from zero; infinities and NaN stay.</summary>
    private static float Round(uint bits) => Interop.IntAsFloat((bits & 0x7F800000u) == 0x7F800000u ? bits : (bits + 0x1000u) & 0xFFFFE000u);
}

/// <summary>
/// Tensor cores by hand: every lane shows its registers in shared memory and reads those of its warp, as the PTX ISA lays fragments out.
/// For checking the kernel where there are none.
/// </summary>
internal readonly struct EmulatedUnit<TFormat> : ITensorUnit where TFormat : struct, ITensorFormat
{
    private const int Fragments = 0, Sums = 16, Addresses = 48, LaneWords = 50; // of a lane's part of scratch

    public static int ScratchWords(int side) => TensorTile.Threads(side) * LaneWords;

    public static int Elements => TFormat.Elements;

    public static void Begin(ArrayView<uint> scratch)
    {
        for (int i = 0; i < 32; i++)
            scratch[Group.IdxX * LaneWords + Sums + i] = 0;
    }

    public static void Store(ArrayView<uint> tiles, int word, float x, float y) => tiles[word] = TFormat.Pack(x, y);

    public static void Copy(ArrayView<uint> tiles, int word, DeviceWeight w, ulong address, int source, int words, int inside)
    {
        for (int i = 0; i < words; i++)
        {
            uint value = 0;
            if (inside != 0)
                value = TFormat.Read(w, source + i);
            tiles[word + i] = value;
        }
    }

    public static void Wait()
    {
    }

    public static void Load(ArrayView<uint> tiles, ArrayView<uint> scratch, int wordA, int wordB)
    {
        int lane = Group.IdxX % 32, warp = (Group.IdxX - lane) * LaneWords, mine = Group.IdxX * LaneWords;
        scratch[mine + Addresses] = (uint)wordA;
        scratch[mine + Addresses + 1] = (uint)wordB;
        Group.Barrier();
        for (int i = 0; i < 16; i++)
        {
            // Register i of 16: A has the first eight; four a matrix load, one each of its matrices.
            int from = warp + (i % 4 * 8 + lane / 4) * LaneWords + Addresses + i / 8;
            int further = i / 4 % 2 * TensorTile.FragmentRows * TensorTile.RowWords;
            scratch[mine + Fragments + i] = tiles[(int)scratch[from] + further + lane % 4];
        }
    }

    public static void Multiply(ArrayView<uint> scratch)
    {
        int lane = Group.IdxX % 32, warp = (Group.IdxX - lane) * LaneWords, mine = Group.IdxX * LaneWords;
        Group.Barrier(); // the warp's fragments are there
        for (int sum = 0; sum < 32; sum++)
        {
            int a = sum / 16 * 4, b = 8 + sum / 4 % 4 * 2;
            int upper = sum % 4 / 2, column = lane % 4 * 2 + sum % 2;
            float value = Interop.IntAsFloat(scratch[mine + Sums + sum]);
            for (int k = 0; k < TensorTile.StepWords; k++)
            {
                uint wordA = scratch[warp + (lane / 4 * 4 + k % 4) * LaneWords + Fragments + a + upper + k / 4 * 2];
                uint wordB = scratch[warp + (column * 4 + k % 4) * LaneWords + Fragments + b + k / 4];
                value += TFormat.Dot(wordA, wordB);
            }

            scratch[mine + Sums + sum] = Interop.FloatAsInt(value);
        }
    }

    public static void StoreSums(ArrayView<uint> tiles, ArrayView<uint> scratch, int word, int stored)
    {
        for (int sum = 0; sum < 32 * stored; sum++)
        {
            int row = sum / 16 * TensorTile.FragmentRows + sum % 4 / 2 * 8, column = sum / 4 % 4 * TensorTile.FragmentColumns + sum % 2;
            tiles[word + row * TensorTile.SumWords + column] = scratch[Group.IdxX * LaneWords + Sums + sum];
        }
    }
}
