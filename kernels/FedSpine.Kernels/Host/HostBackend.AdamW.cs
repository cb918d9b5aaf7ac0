using System.Runtime.CompilerServices;
using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void AdamW(DeviceSpan<float> w, DeviceSpan<float> m, DeviceSpan<float> v, DeviceSpan<float> g, DeviceSpan<float> gradScale, in AdamWStep step)
    {
        RequireLength(m, w.Length);
        RequireLength(v, w.Length);
        RequireLength(g, w.Length);
        if (!gradScale.IsEmpty)
            RequireLength(gradScale, 1);
        float scale = gradScale.IsEmpty ? 1 : *Pointer(gradScale);
        if (scale == 0) // a void step: 0 times the infinities that made it void would be NaN
            return;
        var body = new AdamWBody { W = Pointer(w), M = Pointer(m), V = Pointer(v), G = Pointer(g), GradScale = scale, Step = step };
        ForElements(w.Length, ref body);
    }

    /// <summary>w = w (1 - lr decay) - lr / c1 m / (sqrt(v) / sqrt(c2) + eps), c1 and c2 the bias corrections.</summary>
    private struct AdamWBody : IRangeBody
    {
        public float* W;
        public float* M;
        public float* V;
        public float* G;
        public float GradScale;
        public AdamWStep Step;

        public readonly void Invoke(int start, int end, int worker)
        {
            float keep = 1 - Step.LearningRate * Step.WeightDecay;
            float minusRate = -Step.LearningRate / Step.BiasCorrection1;
            float inverseRoot = 1 / MathF.Sqrt(Step.BiasCorrection2);
            int i = start;
            for (; i <= end - TSimd.Width; i += TSimd.Width)
                Update<TSimd, TVector>(i, keep, minusRate, inverseRoot);
            for (; i < end; i++)
                Update<SimdScalar, float>(i, keep, minusRate, inverseRoot);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly void Update<S, T>(int i, float keep, float minusRate, float inverseRoot) where S : struct, ISimd<T> where T : unmanaged
        {
            var g = S.Multiply(S.Load(G + i), S.Broadcast(GradScale));
            var m = S.MultiplyAdd(S.Load(M + i), S.Broadcast(Step.Beta1), S.Multiply(g, S.Broadcast(1 - Step.Beta1)));
            var v = S.MultiplyAdd(S.Load(V + i), S.Broadcast(Step.Beta2), S.Multiply(S.Multiply(g, g), S.Broadcast(1 - Step.Beta2)));
            S.Store(M + i, m);
            S.Store(V + i, v);
            var root = S.MultiplyAdd(S.Sqrt(v), S.Broadcast(inverseRoot), S.Broadcast(Step.Epsilon));
            var update = S.Divide(S.Multiply(m, S.Broadcast(minusRate)), root);
            S.Store(W + i, S.MultiplyAdd(S.Load(W + i), S.Broadcast(keep), update));
        }
    }
}
