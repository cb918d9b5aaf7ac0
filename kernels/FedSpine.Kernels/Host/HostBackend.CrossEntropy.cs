using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void CrossEntropy(DeviceSpan<float> losses, DeviceSpan<float> dlogits, DeviceSpan<float> logits, DeviceSpan<int> targets, int rows, int C, float gradScale)
    {
        RequireLength(losses, rows);
        if (!dlogits.IsEmpty)
            RequireLength(dlogits, (long)rows * C);
        RequireLength(logits, (long)rows * C);
        RequireLength(targets, rows);
        int* t = Pointer(targets);
        for (int row = 0; row < rows; row++)
            if (t[row] >= C)
                throw new ArgumentException($"targets[{row}] is {t[row]}, there are {C} classes");

        var body = new CrossEntropyBody
        {
            Losses = Pointer(losses), Dlogits = dlogits.IsEmpty ? null : Pointer(dlogits), Logits = Pointer(logits), Targets = t, C = C, GradScale = gradScale,
        };
        ForRows(rows, C, ref body);
    }

    private struct CrossEntropyBody : IRangeBody
    {
        public float* Losses;  // (rows)
        public float* Dlogits; // (rows, C) or null
        public float* Logits;  // (rows, C)
        public int* Targets;   // (rows)
        public int C;
        public float GradScale;

        public readonly void Invoke(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                float* x = Logits + (long)row * C;
                float* dx = Dlogits == null ? null : Dlogits + (long)row * C;
                int target = Targets[row];
                if (target < 0)
                {
                    Losses[row] = 0;
                    if (dx != null)
                        new Span<float>(dx, C).Clear();
                    continue;
                }

                float max = Maximum(x, C);
                double margin = (double)max - x[target]; // before dx, which may lie on x
                double sum = ExponentialsAndSum(dx, x, max, C);
                Losses[row] = (float)(Math.Log(sum) + margin);
                if (dx == null)
                    continue;
                ScaleRow(dx, (float)(GradScale / sum), C);
                dx[target] -= GradScale;
            }
        }
    }
}
