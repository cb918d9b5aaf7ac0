namespace FedSpine.Architecture.Tests;

/// <summary>References run one way: Federated -> Engine -> Kernels -> BCL; only hosts know an accelerator backend.</summary>
public class ReferenceRules
{
    /// <summary>Guards the public API while building; no part of what is built.</summary>
    private const string Analyzers = "Microsoft.CodeAnalysis.PublicApiAnalyzers";

    /// <summary>What each product project may reference directly: nothing else.</summary>
    public static TheoryData<string, string[], string[]> Allowed => new()
    {
        { "FedSpine.Kernels", [], [Analyzers] },
        { "FedSpine.Kernels.Ilgpu", ["FedSpine.Kernels"], ["ILGPU", "ILGPU.Algorithms"] },
        { "FedSpine.Engine", ["FedSpine.Kernels"], ["Microsoft.ML.Tokenizers", "CsvHelper", Analyzers] },
        { "FedSpine.Federated", ["FedSpine.Engine"], [] },
        { "FedSpine.Cli", ["FedSpine.Federated", "FedSpine.Kernels.Ilgpu"], ["System.CommandLine", "Spectre.Console"] },
    };

    [Theory]
    [MemberData(nameof(Allowed))]
    public void A_project_references_only_what_it_may(string name, string[] projects, string[] packages)
    {
        var project = Repository.Projects[name];
        Assert.Equal(projects.Order(), project.ProjectReferences.Order());
        Assert.Equal(packages.Order(), project.PackageReferences.Order());
    }

    [Fact]
    public void Every_product_project_has_a_rule()
    {
        var ruled = Allowed.Select(row => row.Data.Item1).Order();
        var product = Repository.Projects.Values
            .Where(p => new[] { "kernels", "engine", "managed-api" }.Contains(Path.GetRelativePath(Repository.Root, p.Folder).Split('/', '\\')[0]))
            .Select(p => p.Name);
        Assert.Equal(ruled, product.Order());
    }

    [Theory]
    [InlineData("FedSpine.Kernels")]
    [InlineData("FedSpine.Engine")]
    public void The_core_is_analysed_for_ahead_of_time_compilation(string name) =>
        Assert.Equal("true", Repository.Projects[name].Xml.Descendants("IsAotCompatible").Single().Value);

    [Fact]
    public void Compiled_references_agree_with_the_rules()
    {
        // The compiler drops unused references, so this sees what the code really uses.
        var kernels = typeof(Kernels.IComputeBackend).Assembly;
        var engine = typeof(Engine.FedSpineException).Assembly;
        Assert.DoesNotContain(kernels.GetReferencedAssemblies(), a => !IsFramework(a.Name!));
        Assert.DoesNotContain(engine.GetReferencedAssemblies(), a => a.Name!.StartsWith("FedSpine", StringComparison.Ordinal) && a.Name != "FedSpine.Kernels");
    }

    private static bool IsFramework(string name) => name.StartsWith("System.", StringComparison.Ordinal) || name is "System" or "netstandard";
}
