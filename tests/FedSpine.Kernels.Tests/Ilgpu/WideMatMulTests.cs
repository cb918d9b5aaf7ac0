using FedSpine.Kernels.Ilgpu;
using FedSpine.Kernels.Memory;
using FedSpine.Kernels.Tests.Cases;

namespace FedSpine.Kernels.Tests.Ilgpu;

/// <summary>Products in tiles of 128 x 128: where they are chosen, and that they differ from the narrow ones in nothing but time.</summary>
[Collection(nameof(Accelerators))]
public sealed class WideMatMulTests
{
    private static readonly OperatorCase[] Cases =
    [
        .. from layout in Enum.GetValues<MatMulLayout>()
           from k in new[] { 0, 1, 45, 64 }
           select new MatMulCase(layout, 256, 260, k, Accumulate: k == 45, Alpha: k == 64 ? 0.5f : 1),
        new MatMulCase(MatMulLayout.NT, 130, 100, 50, Batch: 3, Pad: 3),
        .. from type in Enum.GetValues<WeightType>() select new LinearForwardCase(260, 245, 250, 6, true, type),
        .. from type in Enum.GetValues<WeightType>() select new LinearBackwardCase(260, 245, 250, 6, LinearGradientSet.Input | LinearGradientSet.Adapter, true, type),
        new LinearBackwardCase(260, 245, 250, 20, LinearGradientSet.All, false),
    ];

    [Theory]
    [InlineData("opencl")]
    [InlineData("cuda")]
    public void EverySumIsTheSameInTheSameOrder(string id)
    {
        var backend = (IlgpuBackend)Accelerators.Open(id);
        try
        {
            Assert.All(new[] { (256, 260, 1), (130, 100, 3), (260, 250, 1), (260, 245, 1), (250, 245, 1) }, s => Assert.True(IlgpuBackend.IsWide(s.Item1, s.Item2, s.Item3, 1))); // the cases' products
            foreach (var operatorCase in Cases)
            {
                backend.Multiprocessors = int.MaxValue;
                var narrow = operatorCase.Bits(backend);
                backend.Multiprocessors = 1;
                operatorCase.Check(backend);
                Assert.Equal(narrow, operatorCase.Bits(backend));
            }
        }
        finally
        {
            backend.Multiprocessors = 0;
        }
    }

    [Theory]
    [InlineData(4096, 4096, 1, 132, true)]
    [InlineData(4096, 768, 1, 132, true)] // 192 groups
    [InlineData(4096, 256, 1, 132, false)] // 64 groups leave half of the device idle
    [InlineData(4096, 8, 1, 8, false)] // an adapter's rank: a sixteenth of a tile
    [InlineData(4096, 129, 1, 8, true)] // 256 columns in place of 192
    [InlineData(65, 65, 64, 8, true)]
    [InlineData(64, 64, 64, 8, false)]
    [InlineData(130, 130, 64, 8, false)] // 256 x 256 for 192 x 192
    [InlineData(100_000, 50_000, 1, 132, true)]
    public void WideTilesAreForProductsThatFillTheDevice(int rows, int columns, int batch, int multiprocessors, bool wide) =>
        Assert.Equal(wide, IlgpuBackend.IsWide(rows, columns, batch, multiprocessors));
}
