using FedSpine.Kernels.Host;
using FedSpine.Kernels.Memory;
using FedSpine.Kernels.Tests.Cases;
using FedSpine.Kernels.Tests.Reference;

namespace FedSpine.Kernels.Tests.Host;

public sealed class LinearOperatorTests() : HostOperatorTests(new LinearSuite())
{
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
