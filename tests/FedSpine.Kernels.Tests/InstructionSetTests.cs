using System.Diagnostics;
using System.Reflection;
using System.Runtime.Intrinsics.X86;
using System.Xml.Linq;
using FedSpine.Kernels.Host;

namespace FedSpine.Kernels.Tests;

/// <summary>
/// The operator tests again in child processes with instruction sets switched off, so that the paths of lesser machines are
/// compiled as they would be there. The results file of each child shows that the tests really ran, and on which width.
/// </summary>
public sealed class InstructionSetTests
{
    private const string OperatorTests = "FedSpine.Kernels.Tests.Host";

    [Theory]
    [InlineData("DOTNET_EnableAVX512=0 DOTNET_EnableAVX512F=0", HostIsa.Vector256)] // the second is the knob of runtimes before 10
    [InlineData("DOTNET_EnableAVX2=0", HostIsa.Vector128)]
    [InlineData("DOTNET_EnableHWIntrinsic=0", HostIsa.Scalar)]
    public void OperatorsPassWithout(string knobs, HostIsa widest)
    {
        Assert.SkipUnless(X86Base.IsSupported, "the knobs are those of x64");
        var expected = (HostIsa)Math.Min((int)widest, (int)HostIsaSupport.Best);
        var assemblies = RunChild(knobs);

        int passed = 0;
        foreach (var assembly in assemblies)
        {
            Assert.Equal("0", assembly.Attribute("failed")!.Value);
            Assert.Equal("0", assembly.Attribute("errors")!.Value);
            passed += int.Parse(assembly.Attribute("passed")!.Value);
        }

        Assert.NotEqual(0, passed);
        var names = assemblies.Descendants("test").Select(t => t.Attribute("name")!.Value).ToArray();
        var classes = Assembly.GetExecutingAssembly().GetTypes().Where(t => t.IsSubclassOf(typeof(Host.HostOperatorTests)) && !t.IsAbstract).ToArray();
        Assert.NotEmpty(classes);
        foreach (var type in classes)
            Assert.Contains($"{type.FullName}.MatchesReference(isa: {expected})", names);
        foreach (string name in names.Where(n => n.Contains("isa: ")))
            Assert.Contains($"isa: {expected}", name);
    }

    private static XElement[] RunChild(string knobs)
    {
        string results = Path.Combine(Path.GetTempPath(), $"fedspine-{Environment.ProcessId}-{knobs.GetHashCode():x}.xml");
        string dll = Assembly.GetExecutingAssembly().Location;
        var start = new ProcessStartInfo("dotnet", ["exec", dll, "-namespace", OperatorTests, "-result-xml", results, "-noColor", "-noAutoReporters"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { [ChildProcess.Variable] = "1" },
        };
        foreach (string knob in knobs.Split(' '))
            start.Environment[knob.Split('=')[0]] = knob.Split('=')[1];

        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(File.Exists(results), $"{knobs}: no results; exit code {process.ExitCode}\n{output}\n{error.Result}");
        var document = XDocument.Load(results);
        File.Delete(results);
        Assert.True(process.ExitCode == 0, $"{knobs}: exit code {process.ExitCode}\n{output}");
        return [.. document.Descendants("assembly")];
    }
}
