using System.Text.Json.Nodes;
using FedSpine.Engine;
using FedSpine.Federated.Comparison;

namespace FedSpine.Federated.Tests.Comparison;

public sealed class ComparisonPlanTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("fedspine-compare-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private static ComparisonPlan Plan(params (string Name, string Settings)[] variants) => new()
    {
        Variants = [.. variants.Select(v => new NamedSettings(v.Name, SettingsText.Parse(v.Settings.Split(',', StringSplitOptions.RemoveEmptyEntries), v.Name)))],
        DataSets = [new NamedSettings("sample", [])],
        Seeds = [5],
    };

    [Fact]
    public void Variants_that_differ_in_pruning_alone_share_a_reference_and_others_have_their_own()
    {
        var cells = Plan(("plain", ""), ("harder", "target-sparsity=0.7,criterion=activation,smoothing=0"), ("longer", "local-steps=80"), ("method", "method=fed-loraprune")).Cells();
        Assert.Equal(["plain", "harder", "longer", "method", "unpruned", "unpruned-longer"], cells.Select(c => c.Name));
        Assert.Equal(["plain", "harder", "method"], cells[4].ReferenceOf);
        Assert.Equal(["longer"], cells[5].ReferenceOf);
        Assert.Equal((80, "none", "fixed", 5ul), (cells[5].Options.LocalSteps, cells[5].Options.Schedule, cells[5].Options.Policy, cells[5].Options.Seed));
        Assert.All(cells, c => Assert.False(c.Options.Reference));
    }

    [Fact]
    public void Variants_that_come_to_the_same_are_one_run()
    {
        var cells = (Plan(("a", ""), ("b", "criterion=taylor,policy=structured-ucb")) with { Reference = false }).Cells();
        Assert.Equal(["a", "b"], Assert.Single(cells).Variants);
    }

    [Fact]
    public void A_data_sets_settings_go_over_those_of_all_and_a_variants_over_both()
    {
        var plan = Plan(("a", "rank=8")) with
        {
            Settings = SettingsText.Parse(["rank=32", "batch=4", "length=40"], ""), DataSets = [new NamedSettings("d", SettingsText.Parse(["batch=6", "rank=12"], ""))],
        };
        var options = plan.Cells()[0].Options;
        Assert.Equal((8, 6, 40, 1), (options.Rank, options.Batch, options.Length, options.EvaluateEvery));
    }

    [Fact]
    public void A_file_comes_back_as_it_was_written()
    {
        string path = Path.Combine(_root, "compare.json");
        var plan = Plan(("a", "rank=8"), ("b", "policy=fixed:0.5:8")) with { Settings = SettingsText.Parse(["data=some.tsv"], "") };
        File.WriteAllText(path, ComparisonConfig.Write(plan));
        Assert.Equal(ComparisonConfig.Write(plan), ComparisonConfig.Write(ComparisonConfig.Read(path)));
        Assert.Equal(Path.GetFullPath("some.tsv"), (string?)plan.Settings["data"]);
    }

    [Fact]
    public void Every_configuration_in_bench_can_be_run()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "FedSpine.Engine.sln")))
            folder = folder.Parent;
        string[] files = Directory.GetFiles(Path.Combine(folder.FullName, "bench", "ablations"), "*.json");
        Assert.Equal(12, files.Length);
        Assert.All(files, file =>
        {
            var plan = ComparisonConfig.Read(file) with { DataSets = [new NamedSettings("sample", [])] }; // their data and model are elsewhere
            ComparisonConfig.Check(plan);
            Assert.Equal(plan.Variants.Count * 3, plan.Cells().Count(c => c.Variants.Count == 1));
        });
        ComparisonConfig.Check(ComparisonConfig.Read(Path.Combine(folder.FullName, "bench", "compare", "main.json"))); // its data and model are elsewhere
    }

    [Theory]
    [InlineData("""{ "method": ["fedspine"] }""", "unknown key 'method'; there are settings, methods")]
    [InlineData("""{ "methods": ["fedavg"] }""", "--method fedavg: expected fedspine")]
    [InlineData("""{ "variants": { "a": 3 } }""", "variants.a: expected a JSON object of settings")]
    [InlineData("""{ "seeds": [1, -2] }""", "is not a comparison")]
    [InlineData("""{ "seeds": """, "is not a comparison")]
    public void A_bad_file_is_named(string json, string expected)
    {
        string path = Path.Combine(_root, "bad.json");
        File.WriteAllText(path, json);
        string message = Assert.Throws<InputException>(() => ComparisonConfig.Read(path)).Message;
        Assert.Contains(expected, message);
    }

    [Fact]
    public void Impossible_settings_name_variant_and_data_set()
    {
        Assert.Equal("variant a on sample: --rank 0: expected 1 to 4096", Assert.Throws<InputException>(() => Plan(("a", "rank=0")).Cells()).Message);
        var unknown = Plan(("a", "")) with { Settings = new JsonObject { ["ranks"] = 3 } };
        Assert.StartsWith("variant a on sample: unknown key 'ranks'", Assert.Throws<InputException>(() => unknown.Cells()).Message);
    }
}
