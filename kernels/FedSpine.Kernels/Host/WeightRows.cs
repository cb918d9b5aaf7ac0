using System.Runtime.CompilerServices;
using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

/// <summary>Pieces of a row of a weight, as float32.</summary>
internal static unsafe class WeightRows<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    /// <summary>
    /// y = elements [start, start + count) of the row (+= when <paramref name="accumulate"/>). <paramref name="start"/> is a multiple of
    /// the vector width.
    /// </summary>
    public static void Read(float* y, WeightType type, byte* row, int start, int count, bool accumulate = false)
    {
        switch (type)
        {
            case WeightType.F32: Read<WeightF32>(y, row, start, count, accumulate); break;
            case WeightType.BF16: Read<WeightBF16>(y, row, start, count, accumulate); break;
            default: Read<WeightQ8>(y, row, start, count, accumulate); break;
        }
    }

    /// <summary>A vector of elements from k on, a multiple of the width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TWeight>(byte* row, int k) where TWeight : struct, IWeightFormat
    {
        byte* x = row + TWeight.Offset(k);
        var values = TWeight.Load<TSimd, TVector>(x);
        return TWeight.HasScale ? TSimd.Multiply(TSimd.Broadcast(TWeight.Scale(TWeight.Scales, x - (uint)k % WeightTypes.BlockLength)), values) : values;
    }

    private static void Read<TWeight>(float* y, byte* row, int start, int count, bool accumulate) where TWeight : struct, IWeightFormat
    {
        int i = 0;
        for (; i <= count - TSimd.Width; i += TSimd.Width)
        {
            var values = Load<TWeight>(row, start + i);
            TSimd.Store(y + i, accumulate ? TSimd.Add(TSimd.Load(y + i), values) : values);
        }

        for (; i < count; i++)
        {
            float value = WeightRows<SimdScalar, float>.Load<TWeight>(row, start + i);
            y[i] = accumulate ? y[i] + value : value;
        }
    }
}
