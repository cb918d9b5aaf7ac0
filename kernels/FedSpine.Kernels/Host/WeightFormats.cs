using System.Runtime.CompilerServices;
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

    /// <summary>The scale of the block whose first element is at <paramref name="x"/>; 1 without.</summary>
    static abstract float Scale(byte* x);

    /// <summary>A vector of elements, still to be scaled; it lies within one block.</summary>
    static abstract TVector Load<TSimd, TVector>(byte* x) where TSimd : struct, ISimd<TVector> where TVector : unmanaged;
}

internal readonly unsafe struct WeightF32 : IWeightFormat
{
    public static bool HasScale => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nint Offset(int k) => (nint)k * sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Scale(byte* x) => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TSimd, TVector>(byte* x) where TSimd : struct, ISimd<TVector> where TVector : unmanaged => TSimd.Load((float*)x);
}

internal readonly unsafe struct WeightBF16 : IWeightFormat
{
    public static bool HasScale => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nint Offset(int k) => (nint)k * sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Scale(byte* x) => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TSimd, TVector>(byte* x) where TSimd : struct, ISimd<TVector> where TVector : unmanaged => TSimd.LoadBFloat16((ushort*)x);
}

internal readonly unsafe struct WeightQ8 : IWeightFormat
{
    public static bool HasScale => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nint Offset(int k) => (nint)(k / WeightTypes.BlockLength) * WeightTypes.BlockBytes + 2 + k % WeightTypes.BlockLength;

    /// <remarks>A finite float16: its bits in a float's places, then the exponent's bias made up for. There is no instruction for it in .NET.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Scale(byte* x) => BitConverter.Int32BitsToSingle((*(short*)(x - 2) << 13) & unchecked((int)0x8FFFE000)) * 5.192296858534828e33f; // 2^112

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TSimd, TVector>(byte* x) where TSimd : struct, ISimd<TVector> where TVector : unmanaged => TSimd.LoadSignedBytes((sbyte*)x);
}
