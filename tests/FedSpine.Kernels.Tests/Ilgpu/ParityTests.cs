using FedSpine.Kernels.Host;
using FedSpine.Kernels.Ilgpu;
using FedSpine.Kernels.Tests.Cases;

namespace FedSpine.Kernels.Tests.Ilgpu;

/// <summary>
/// Every operator case of the host, forward and backward, on every accelerator that is here, against the same double-precision loops and to the
/// same tolerances. The debugger takes a spread of the small ones only: it needs seconds where a device needs milliseconds.
/// </summary>
[Collection(nameof(Accelerators))]
public sealed class ParityTests(ITestOutputHelper output)
{
    private const int DebuggerCases = 4;

    public static TheoryData<string, string> Matrix => new(from row in Accelerators.Ids from suite in CaseSuite.All select (suite.Name, row.Data));

    [Theory, MemberData(nameof(Matrix))]
    public void MatchesReference(string suite, string id)
    {
        var backend = Accelerators.Open(id);
        int count = 0;
        foreach (var operatorCase in CasesOf(suite, id))
        {
            Assert.True(operatorCase.IsSupported(backend), $"{backend.Name}: {operatorCase}: is said not to run here");
            operatorCase.Check(backend);
            count++;
        }

        Assert.NotEqual(0, count);
    }

    /// <summary>Says which backends the cases ran on, and why the others did not: "it passed" is no answer where it was skipped.</summary>
    [Fact]
    public void TheBackendsThatRanAreSaid()
    {
        using var host = HostBackend.Create(1);
        var ran = new List<string> { $"host: {host.Name}, {CaseSuite.All.Sum(s => s.Cases.Count() + s.LargeCases.Count())} cases" };
        foreach (string id in Accelerators.Ids.Select(row => row.Data))
        {
            try
            {
                ran.Add($"{id}: {IlgpuDevices.Require(id)}, {IlgpuDevices.List().Single(d => d.Id == IlgpuDevices.Require(id)).Name}, {CaseSuite.All.Sum(s => CasesOf(s.Name, id).Length)} cases");
            }
            catch (ArgumentException absent)
            {
                ran.Add($"{id}: did not run: {absent.Message}");
            }
        }

        foreach (string line in ran)
        {
            output.WriteLine(line);
            TestContext.Current.SendDiagnosticMessage(line);
        }

        Assert.StartsWith("host: host ", ran[0]);
        Assert.Contains(ran, line => line.StartsWith($"{Accelerators.Debugger}: {Accelerators.Debugger}", StringComparison.Ordinal));
    }

    /// <summary>A step must not wait for a compiler.</summary>
    [Theory]
    [InlineData("opencl")]
    [InlineData("cuda")]
    public void NoOperatorLoadsAKernel(string id)
    {
        var backend = (IlgpuBackend)Accelerators.Open(id);
        int loaded = backend.LoadedKernels;
        Assert.True(loaded > 40);
        foreach (var operatorCase in CaseSuite.All.SelectMany(suite => CasesOf(suite.Name, Accelerators.Debugger)))
            operatorCase.Bits(backend);
        Assert.Equal(loaded, backend.LoadedKernels);
    }

    /// <summary>Nothing depends on which thread was first.</summary>
    [Theory, MemberData(nameof(Matrix))]
    public void RepeatsBitForBit(string suite, string id)
    {
        var backend = Accelerators.Open(id);
        foreach (var operatorCase in CasesOf(suite, id).Reverse().Take(id == Accelerators.Debugger ? 1 : 3))
            Assert.True(operatorCase.Bits(backend).AsSpan().SequenceEqual(operatorCase.Bits(backend)), $"{backend.Name}: {operatorCase}: two runs differ");
    }

    /// <summary>The benchmark mode: what it counts is what is known of a product.</summary>
    [Fact]
    public void ACaseIsTimedWithItsOperationsAndBytes()
    {
        using var backend = HostBackend.Create(1);
        var time = new MatMulCase(MatMulLayout.NN, 30, 20, 10).Measure(backend, 3);
        Assert.Equal((2L * 30 * 20 * 10, 4L * (30 * 10 + 10 * 20 + 30 * 20)), (time.Flops, time.Bytes));
        Assert.True(time.Seconds > 0);
        Assert.All(CaseSuite.All, suite => Assert.True(suite.LargeCases.First().Measure(backend, 1).Bytes > 0, suite.Name));
    }

    private static OperatorCase[] CasesOf(string suite, string id)
    {
        var tests = CaseSuite.All.Single(s => s.Name == suite);
        if (id != Accelerators.Debugger)
            return [.. tests.Cases, .. tests.LargeCases];
        OperatorCase[] cases = [.. tests.Cases];
        int step = Math.Max(1, cases.Length / DebuggerCases) | 1; // odd: past both values of each switch
        return [.. cases.Where((_, i) => i % step == 0)];
    }
}
