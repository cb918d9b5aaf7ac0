using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void Fill(DeviceSpan<float> y, float value) => throw new NotImplementedException();

    public void Copy(DeviceSpan<float> y, DeviceSpan<float> x) => throw new NotImplementedException();

    public void Map<TFormula>(DeviceSpan<float> y, DeviceSpan<float> x) where TFormula : struct, IUnaryFormula => throw new NotImplementedException();

    public void Map<TFormula>(DeviceSpan<float> z, DeviceSpan<float> x, DeviceSpan<float> y) where TFormula : struct, IBinaryFormula => throw new NotImplementedException();

    public void Map<TFormula>(DeviceSpan<float> w, DeviceSpan<float> x, DeviceSpan<float> y, DeviceSpan<float> z) where TFormula : struct, ITernaryFormula => throw new NotImplementedException();

    public void RmsNormForward(DeviceSpan<float> y, DeviceSpan<float> rstd, DeviceSpan<float> x, DeviceSpan<float> weight, int rows, int D, float eps) => throw new NotImplementedException();

    public void RmsNormBackward(DeviceSpan<float> dx, DeviceSpan<float> dweight, DeviceSpan<float> dy, DeviceSpan<float> x, DeviceSpan<float> weight,
        DeviceSpan<float> rstd, int rows, int D, bool accumulate = false) => throw new NotImplementedException();

    public void LayerNormForward(DeviceSpan<float> y, DeviceSpan<float> mean, DeviceSpan<float> rstd, DeviceSpan<float> x, DeviceSpan<float> weight,
        DeviceSpan<float> bias, int rows, int D, float eps) => throw new NotImplementedException();

    public void LayerNormBackward(DeviceSpan<float> dx, DeviceSpan<float> dweight, DeviceSpan<float> dbias, DeviceSpan<float> dy, DeviceSpan<float> x,
        DeviceSpan<float> weight, DeviceSpan<float> mean, DeviceSpan<float> rstd, int rows, int D, bool accumulate = false) => throw new NotImplementedException();

    public void Softmax(DeviceSpan<float> y, DeviceSpan<float> x, int rows, int C) => throw new NotImplementedException();

    public void Rope(DeviceSpan<float> x, DeviceSpan<float> table, int B, int T, int H, int D, bool inverse = false) => throw new NotImplementedException();

    public void EmbeddingForward(DeviceSpan<float> y, DeviceSpan<int> ids, DeviceSpan<float> table, int rows, int D, bool accumulate = false) => throw new NotImplementedException();

    public void EmbeddingBackward(DeviceSpan<float> dtable, DeviceSpan<int> ids, DeviceSpan<float> dy, int rows, int D) => throw new NotImplementedException();

    public void CrossEntropy(DeviceSpan<float> losses, DeviceSpan<float> dlogits, DeviceSpan<float> logits, DeviceSpan<int> targets, int rows, int C, float gradScale) => throw new NotImplementedException();

    public void AdamW(DeviceSpan<float> w, DeviceSpan<float> m, DeviceSpan<float> v, DeviceSpan<float> g, DeviceSpan<float> gradScale, in AdamWStep step) => throw new NotImplementedException();

    public void GradientNorm(DeviceSpan<float> norm, DeviceSpan<float> g, float maxNorm) => throw new NotImplementedException();

    public void Dropout(DeviceSpan<float> y, DeviceSpan<float> x, float rate, ulong seed) => throw new NotImplementedException();

    public void GatherRows(DeviceSpan<float> y, DeviceSpan<float> x, DeviceSpan<int> rows, int D) => throw new NotImplementedException();

    public void GatherColumns(DeviceSpan<float> y, DeviceSpan<float> x, DeviceSpan<int> columns, int M, int D) => throw new NotImplementedException();

    public void TaylorImportance(DeviceSpan<float> score, DeviceSpan<float> gates, DeviceSpan<float> x, DeviceSpan<float> dx, DeviceSpan<int> lengths,
        int B, int T, int G, int D) => throw new NotImplementedException();

    public void ColumnMoments(DeviceSpan<float> count, DeviceSpan<float> mean, DeviceSpan<float> m2, DeviceSpan<float> x, DeviceSpan<int> lengths, int B, int T, int C) => throw new NotImplementedException();

    public void SquareSums(DeviceSpan<float> y, DeviceSpan<float> x, int M, int N, MatrixAxis axis) => throw new NotImplementedException();

    public void LoraImportance(DeviceSpan<float> score, in LinearOperands w, DeviceSpan<float> dA, DeviceSpan<float> dB, MatrixAxis axis) => throw new NotImplementedException();
}
