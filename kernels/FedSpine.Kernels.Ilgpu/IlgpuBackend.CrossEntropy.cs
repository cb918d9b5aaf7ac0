using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    private Action<KernelConfig, FloatView, FloatView, FloatView, IntView, int, float, int> CrossEntropyLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, FloatView, IntView, int, float, int>(CrossEntropyKernel));

    public void CrossEntropy(DeviceSpan<float> losses, DeviceSpan<float> dlogits, DeviceSpan<float> logits, DeviceSpan<int> targets, int rows, int C, float gradScale)
    {
        RequireLength(losses, rows);
        RequireLengthOrAbsent(dlogits, (long)rows * C);
        RequireLength(logits, (long)rows * C);
        RequireLength(targets, rows);
        if (rows > 0)
            CrossEntropyLauncher(Rows(rows), View(losses), View(dlogits), View(logits), View(targets), C, gradScale, dlogits.IsEmpty ? 0 : 1);
    }

    /// <summary>A target beyond the classes has the loss NaN.</summary>
    private static void CrossEntropyKernel(FloatView losses, FloatView dlogits, FloatView logits, IntView targets, int C, float gradScale, int hasGradient)
    {
        var shared = SharedMemory.Allocate<float>(MaxGroup);
        int start = Grid.IdxX * C, target = targets[Grid.IdxX];
        float max = RowMaximum(shared, logits, start, C);
        float targetLogit = float.NaN;
        if (target >= 0 && target < C)
            targetLogit = logits[start + target]; // before dlogits, which may lie on logits: the sum has barriers
        float sum = RowExponentialSum(shared, logits, start, C, max);
        if (Group.IdxX == 0)
            losses[Grid.IdxX] = target < 0 ? 0 : MathF.Log(sum) + (max - targetLogit);
        if (hasGradient == 0)
            return;
        float scale = target < 0 ? 0 : gradScale / sum;
        for (int i = Group.IdxX; i < C; i += Group.DimX)
        {
            float d = target < 0 ? 0 : MathF.Exp(logits[start + i] - max) * scale;
            dlogits[start + i] = i == target ? d - gradScale : d;
        }
    }
}
