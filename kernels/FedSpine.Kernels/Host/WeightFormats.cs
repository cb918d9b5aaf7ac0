using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

/// <summary>
/// One <see cref="WeightType"/> as kernels read it: from the address of element k of a row, which <see cref="Offset"/> gives, and the
/// scale of the block that k lies in.
/// </summary>
internal unsafe interface IWeightFormat
{
    /// <summary>Whether blocks of <see cref="WeightTypes.BlockLength"/> elements have a scale.</summary>
    static abstract bool HasScale { get; }

    /// <summary>Bytes from the start of a row to its element k.</summary>
    static abstract nint Offset(int k);

    /// <summary>What <see cref="Scale"/> looks up; fetched once, before the loops.</summary>
    static abstract float* Scales { get; }

    /// <summary>The scale of the block whose first element is at <paramref name="x"/>; 1 without.</summary>
    static abstract float Scale(float* scales, byte* x);

    /// <summary>A vector of elements, still to be scaled; it lies within one block.</summary>
    static abstract TVector Load<TSimd, TVector>(byte* x) where TSimd : struct, ISimd<TVector> where TVector : unmanaged;
}

internal readonly unsafe struct WeightF32 : IWeightFormat
{
    public static bool HasScale => false;

    public static float* Scales => null;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nint Offset(int k) => (nint)k * sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Scale(float* scales, byte* x) => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TSimd, TVector>(byte* x) where TSimd : struct, ISimd<TVector> where TVector : unmanaged => TSimd.Load((float*)x);
}

internal readonly unsafe struct WeightBF16 : IWeightFormat
{
    public static bool HasScale => false;

    public static float* Scales => null;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nint Offset(int k) => (nint)k * sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Scale(float* scales, byte* x) => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TSimd, TVector>(byte* x) where TSimd : struct, ISimd<TVector> where TVector : unmanaged => TSimd.LoadBFloat16((ushort*)x);
}

internal readonly unsafe struct WeightQ8 : IWeightFormat
{
    /// <summary>Every float16 as a float: .NET has no instruction for it, and in registers it would cost as much as half a block.</summary>
    private static readonly float* Halves = CreateHalves();

    public static bool HasScale => true;

    public static float* Scales => Halves;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nint Offset(int k) => (nint)(uint)k + (nint)((uint)k / WeightTypes.BlockLength) * (WeightTypes.BlockBytes - WeightTypes.BlockLength) + 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Scale(float* scales, byte* x) => scales[*(ushort*)(x - 2)];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TSimd, TVector>(byte* x) where TSimd : struct, ISimd<TVector> where TVector : unmanaged => TSimd.LoadSignedBytes((sbyte*)x);

    private static float* CreateHalves()
    {
        var halves = (float*)NativeMemory.AlignedAlloc((ushort.MaxValue + 1) * sizeof(float), Arena.Alignment);
        for (int bits = 0; bits <= ushort.MaxValue; bits++)
            halves[bits] = (float)BitConverter.UInt16BitsToHalf((ushort)bits);
        return halves;
    }
}
