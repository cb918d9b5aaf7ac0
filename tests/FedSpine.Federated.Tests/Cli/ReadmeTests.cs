using System.Diagnostics;
using FedSpine.Engine.Formats;
using FedSpine.Kernels.Host;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace FedSpine.Federated.Tests.Cli;

/// <summary>The README's C# is compiled and run as it stands, in a folder that has the files it names.</summary>
public sealed class ReadmeTests(SmallWorld world) : IClassFixture<SmallWorld>
{
    /// <summary>What the SDK adds to a console project.</summary>
    private const string ImplicitUsings = "global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq;";

    [Fact]
    public async Task The_code_in_the_README_compiles_and_runs()
    {
        string program = world["readme.dll"];
        Compile(Code(), program);
        File.Copy(Path.Combine(AppContext.BaseDirectory, "fedspine.runtimeconfig.json"), world["readme.runtimeconfig.json"]);
        var start = new ProcessStartInfo("dotnet", ["exec", program])
        {
            WorkingDirectory = world.Root, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        foreach (string dll in Directory.EnumerateFiles(AppContext.BaseDirectory, "*.dll").Where(IsNeeded))
            File.Copy(dll, world[Path.GetFileName(dll)], overwrite: true);
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, await error);
        Assert.Matches("perplexity [0-9.]+ before, [0-9.]+ after", output);
        using var backend = HostBackend.Create(1);
        using var pruned = ModelSource.Load(backend, world["smaller"]).Model;
        using var exported = ModelSource.Load(backend, world["smaller.gguf"]).Model;
        Assert.Equal(pruned.Spec.Layers, exported.Spec.Layers);
        Assert.True(pruned.Spec.Layers.Sum(l => l.FfnWidth) < pruned.BaseLayers.Sum(l => l.FfnWidth));
    }

    private static bool IsNeeded(string dll) => Path.GetFileName(dll) is var name
        && (name.StartsWith("FedSpine.Engine.dll", StringComparison.Ordinal) || name.StartsWith("FedSpine.Kernels.dll", StringComparison.Ordinal)
            || name.StartsWith("Microsoft.ML.", StringComparison.Ordinal) || name is "Google.Protobuf.dll" or "CsvHelper.dll");

    private static string Code()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "FedSpine.Engine.sln")))
            folder = folder.Parent;
        string readme = File.ReadAllText(Path.Combine(folder.FullName, "README.md"));
        const string fence = "```csharp\n";
        int start = readme.IndexOf(fence, StringComparison.Ordinal) + fence.Length;
        Assert.True(start >= fence.Length, "the README has no C# code");
        return readme[start..readme.IndexOf("```", start, StringComparison.Ordinal)];
    }

    private static void Compile(string code, string path)
    {
        var references = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Select(p => MetadataReference.CreateFromFile(p));
        var options = new CSharpParseOptions(LanguageVersion.Latest);
        var compilation = CSharpCompilation.Create("readme", [CSharpSyntaxTree.ParseText(ImplicitUsings, options), CSharpSyntaxTree.ParseText(code, options)],
            references, new CSharpCompilationOptions(OutputKind.ConsoleApplication, nullableContextOptions: NullableContextOptions.Enable));
        var result = compilation.Emit(path);
        Assert.True(result.Success, string.Join('\n', result.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error)));
    }
}
