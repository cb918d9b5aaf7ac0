using FedSpine.Kernels.Host;
using FedSpine.Kernels.Memory;
using FedSpine.Kernels.Tests.Cases;
using FedSpine.Kernels.Tests.Reference;

namespace FedSpine.Kernels.Tests.Host;

public sealed class LinearOperatorTests : HostOperatorTests
{
    private static readonly LinearGradientSet[] Wanted =
    [
        LinearGradientSet.None, LinearGradientSet.Input, LinearGradientSet.Adapter, LinearGradientSet.Input | LinearGradientSet.Adapter,
        LinearGradientSet.Weight, LinearGradientSet.Bias, LinearGradientSet.All,
    ];

    public override IEnumerable<OperatorCase> Cases =>
        AllOf([(0, 3, 2, 1), (1, 1, 1, 1), (1, 33, 65, 4), (7, 65, 31, 0), (17, 64, 96, 2), (33, 100, 7, 16), (13, 17, 33, 13), (4, 64, 37, 20)]);

    public override IEnumerable<OperatorCase> LargeCases => AllOf([(50, 63, 130, 5), (100, 340, 72, 8), (29, 40, 700, 3), (130, 128, 128, 16), (3, 512, 700, 8)]);

    private static IEnumerable<OperatorCase> AllOf((int Rows, int In, int Out, int Rank)[] shapes) =>
    [
        .. from s in shapes from bias in Both select new LinearForwardCase(s.Rows, s.In, s.Out, s.Rank, bias),
        .. from s in shapes from gated in Both from inPlace in Both select new LinearActivationCase(s.Rows, s.In, s.Out, s.Rank, gated, inPlace),
        .. from s in shapes
           from wanted in Wanted
           from accumulate in Both
           select new LinearBackwardCase(s.Rows, s.In, s.Out, s.Rank, wanted, accumulate),
    ];

    [Fact]
    public void ReferenceGradientsAreThoseOfFiniteDifferences()
    {
        const int rows = 3, In = 5, Out = 4, rank = 2;
        var reference = new LinearReference(rows, In, Out, rank, 1.5)
        {
            X = TestData.Uniform(rows * In, 1).ToDouble(), W = TestData.Uniform(Out * In, 2).ToDouble(), Bias = TestData.Uniform(Out, 3).ToDouble(),
            A = TestData.Uniform(rank * In, 4).ToDouble(), B = TestData.Uniform(Out * rank, 5).ToDouble(),
        };
        var dy = TestData.Uniform(rows * Out, 6).ToDouble();

        LinearReference With(double[]? x = null, double[]? w = null, double[]? bias = null, double[]? a = null, double[]? b = null) =>
            new(rows, In, Out, rank, 1.5) { X = x ?? reference.X, W = w ?? reference.W, Bias = bias ?? reference.Bias, A = a ?? reference.A, B = b ?? reference.B };

        void Same(double[] gradient, Func<double[], LinearReference> moved, double[] at) =>
            Assert.Equal(FiniteDifferences.Gradient(v => moved(v).Forward(), at, dy), gradient, (p, q) => Math.Abs(p - q) < 1e-7);

        Same(reference.DX(dy), v => With(x: v), reference.X);
        Same(reference.DW(dy), v => With(w: v), reference.W);
        Same(reference.DBias(dy), v => With(bias: v), reference.Bias!);
        Same(reference.DA(dy), v => With(a: v), reference.A);
        Same(reference.DB(dy), v => With(b: v), reference.B);
    }

    [Fact]
    public void RejectsWhatDoesNotFit()
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        DeviceSpan<float> Of(string name, int length) => sandbox.Input(name, new float[length]);
        var w = new LinearOperands(Of("w", 6), default, Of("A", 3), Of("B", 2), In: 3, Out: 2, Rank: 1, Scale: 1);
        var (x, y, xa, dyb) = (Of("x", 12), Of("y", 8), Of("xa", 4), Of("dyb", 4));
        Expect.Rejects(sandbox, () => backend.LinearForward(y, xa, x, w, rows: 5), "y has 8", "10");
        Expect.Rejects(sandbox, () => backend.LinearForward(y, default, x, w, rows: 4), "xa has 0", "4");
        Expect.Rejects(sandbox, () => backend.LinearForward(y, xa, x, w with { Rank = 2 }, rows: 4), "3", "6");
        Expect.Rejects(sandbox, () => backend.LinearForward(y, xa, x, w with { Bias = Of("bias", 3) }, rows: 4), "Bias has 3", "2");
        Expect.Rejects(sandbox, () => backend.LinearBackward(x, new(Of("dW", 7), default, default, default), dyb, y, x, xa, w, rows: 4), "Weight has 7", "6");
        Expect.Rejects(sandbox, () => backend.LinearBackward(x, default, default, y, x, xa, w, rows: 4), "dyb has 0", "4");
    }
}
