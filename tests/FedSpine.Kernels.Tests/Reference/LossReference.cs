namespace FedSpine.Kernels.Tests.Reference;

/// <summary>Softmax and cross-entropy of one row.</summary>
public static class LossReference
{
    public static double[] Softmax(double[] x)
    {
        double max = x.Max();
        double sum = x.Sum(v => Math.Exp(v - max));
        return [.. x.Select(v => Math.Exp(v - max) / sum)];
    }

    /// <summary>-log softmax(x)[target]; 0 where the target is negative.</summary>
    public static double CrossEntropy(double[] x, int target)
    {
        if (target < 0)
            return 0;
        double max = x.Max();
        return max + Math.Log(x.Sum(v => Math.Exp(v - max))) - x[target];
    }

    /// <summary>(softmax(x) - onehot(target)) scale; 0 where the target is negative.</summary>
    public static double[] CrossEntropyBackward(double[] x, int target, double scale) =>
        [.. Softmax(x).Select((p, i) => target < 0 ? 0 : (p - (i == target ? 1 : 0)) * scale)];
}
