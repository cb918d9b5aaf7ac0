using System.Reflection;
using FedSpine.Kernels.Ilgpu;
using FedSpine.Kernels.Tests.Host;

namespace FedSpine.Kernels.Tests.Ilgpu;

/// <summary>
/// Every operator case of the host, forward and backward, on every accelerator that is here, against the same double-precision loops and to the
/// same tolerances. The debugger takes a spread of the small ones only: it needs seconds where a device needs milliseconds.
/// </summary>
[Collection(nameof(Accelerators))]
public sealed class ParityTests
{
    private const int DebuggerCases = 4;

    public static TheoryData<string, string> Matrix
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (string id in Accelerators.Ids.Select(row => row.Data))
                foreach (var type in Suites)
                    data.Add(type.Name, id);
            return data;
        }
    }

    private static IEnumerable<Type> Suites => Assembly.GetExecutingAssembly().GetTypes()
        .Where(t => t.IsSubclassOf(typeof(HostOperatorTests)) && !t.IsAbstract).OrderBy(t => t.Name, StringComparer.Ordinal);

    [Theory, MemberData(nameof(Matrix))]
    public void MatchesReference(string suite, string id)
    {
        var backend = Accelerators.Open(id);
        int count = 0;
        foreach (var operatorCase in CasesOf(suite, id))
        {
            operatorCase.Check(backend);
            count++;
        }

        Assert.NotEqual(0, count);
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
        foreach (var operatorCase in Suites.SelectMany(suite => CasesOf(suite.Name, Accelerators.Debugger)))
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

    private static OperatorCase[] CasesOf(string suite, string id)
    {
        var tests = (HostOperatorTests)Activator.CreateInstance(Suites.Single(t => t.Name == suite))!;
        if (id != Accelerators.Debugger)
            return [.. tests.Cases, .. tests.LargeCases];
        OperatorCase[] cases = [.. tests.Cases];
        int step = Math.Max(1, cases.Length / DebuggerCases) | 1; // odd: past both values of each switch
        return [.. cases.Where((_, i) => i % step == 0)];
    }
}
