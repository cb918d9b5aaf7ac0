using System.Runtime.CompilerServices;
using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void Dropout(DeviceSpan<float> y, DeviceSpan<float> x, float rate, ulong seed)
    {
        RequireLength(x, y.Length);
        if (!(rate >= 0 && rate < 1))
            throw new ArgumentException($"rate is {rate}, outside [0, 1)");
        var body = new DropoutBody { Y = Pointer(y), X = Pointer(x), Key = CounterHash.Mix(seed), Drop = (uint)(rate * 4294967296.0), Scale = 1 / (1 - rate) };
        ForElements(y.Length, ref body);
    }

    /// <summary>Element i takes half a draw: the low 32 bits of draw i / 2 where i is even, the high ones where it is odd.</summary>
    private struct DropoutBody : IRangeBody
    {
        public float* Y;
        public float* X;
        public ulong Key;
        public uint Drop; // rate * 2^32: halves below it drop their element
        public float Scale;

        /// <summary>The range starts on an even element.</summary>
        public readonly void Invoke(int start, int end, int worker)
        {
            int i = start;
            for (; i < end - 1; i += 2)
            {
                ulong draw = CounterHash.Draw(Key, i >> 1);
                Y[i] = Keep(X[i], (uint)draw);
                Y[i + 1] = Keep(X[i + 1], (uint)(draw >> 32));
            }

            if (i < end)
                Y[i] = Keep(X[i], (uint)CounterHash.Draw(Key, i >> 1));
        }

        /// <summary>Without a branch, which would be mispredicted at the rate of the drops.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly float Keep(float x, uint half)
        {
            int dropped = (int)(((long)half - Drop) >> 63); // all ones where half < Drop
            return BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(x * Scale) & ~dropped);
        }
    }
}
