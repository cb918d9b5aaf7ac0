using ILGPU;

namespace FedSpine.Kernels.Ilgpu.Tensor;

/// <summary>
/// What the product asks of tensor cores, for one warp: fragments and sums are the unit's own registers. <see cref="PtxBF16"/> and
/// <see cref="PtxTF32"/> are the instructions; <see cref="EmulatedUnit{TFormat}"/> does the same through shared memory, so that all the rest
/// of the kernel can run where there are none. Every call but the copies is made by all threads of the group together.
/// </summary>
internal interface ITensorUnit
{
    /// <summary>Elements of k in a word of 32 bits.</summary>
    static abstract int Elements { get; }

    /// <summary>Sums to zero.</summary>
    static abstract void Begin(ArrayView<uint> scratch);

    /// <summary>tiles[word] = (x, y), rounded; a unit of one element a word ignores y.</summary>
    static abstract void Store(ArrayView<uint> tiles, int word, float x, float y);

    /// <summary>
    /// tiles[word .. word + words] = the words at <paramref name="source"/> of w, as they are, or zeros where <paramref name="inside"/> is 0.
    /// Done by the next <see cref="Wait"/>. <paramref name="address"/> is where w starts in global memory.
    /// </summary>
    static abstract void Copy(ArrayView<uint> tiles, int word, DeviceWeight w, ulong address, int source, int words, int inside);

    /// <summary>Waits for this thread's copies.</summary>
    static abstract void Wait();

    /// <summary>Fragments for one step: two of A, from the rows at <paramref name="wordA"/>, four of B; the words are this lane's.</summary>
    static abstract void Load(ArrayView<uint> tiles, ArrayView<uint> scratch, int wordA, int wordB);

    /// <summary>Sums += A B for the eight pairs of fragments.</summary>
    static abstract void Multiply(ArrayView<uint> scratch);

    /// <summary>The sums of a warp whose <paramref name="stored"/> is 1, to where this lane's lie.</summary>
    static abstract void StoreSums(ArrayView<uint> tiles, ArrayView<uint> scratch, int word, int stored);
}
