using System.Text.Json.Nodes;
using System.Xml.Linq;
using FedSpine.Engine;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Generation;
using FedSpine.Engine.Training;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Tests.Reporting;
using FedSpine.Kernels.Host;

namespace FedSpine.Federated.Tests.Cli;

public sealed class InspectVerbTests(SmallDecoder decoder) : IClassFixture<SmallDecoder>
{
    private static CliRun Run(params string[] arguments) => CliRun.WithInput("", typed: false, TestContext.Current.CancellationToken, ["inspect", .. arguments]);

    private static JsonObject Json(params string[] arguments)
    {
        var run = Run([.. arguments, "--json"]);
        Assert.Equal((0, ""), (run.Code, run.Error));
        return JsonNode.Parse(run.Out)!.AsObject();
    }

    private string Pruned()
    {
        string folder = decoder.NewFile("pruned");
        using var backend = HostBackend.Create(1);
        using var model = LanguageModel.Load(decoder.Model, null, backend);
        model.Prune(0.3, criterion: "magnitude", cancel: TestContext.Current.CancellationToken);
        model.Save(folder);
        return folder;
    }

    [Fact]
    public void A_model_shows_layers_sizes_and_costs()
    {
        var run = Run("--model", decoder.Model, "--batch", "2", "--length", "16");
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Contains("LLaMA decoder, 4 layers, language model", run.Out);
        Assert.Contains("width 16, vocabulary ", run.Out);
        Assert.Contains("up to 64 tokens", run.Out);
        Assert.Equal(4, run.Out.Split('\n').Count(l => l.Contains("██ ██  ████████████████████████") && l.Contains("100.0 %")));
        Assert.Contains("batches of 2 x 16 tokens", run.Out);
        Assert.Contains("tune an adapter of rank 8", run.Out);
    }

    [Fact]
    public void Json_has_the_models_own_figures()
    {
        using var backend = HostBackend.Create(1);
        using var loaded = ModelFolder.Load(backend, decoder.Model).Model;
        var json = Json("--model", decoder.Model, "--batch", "2", "--length", "16", "--rank", "3");
        Assert.Equal((loaded.ParameterCount, loaded.PrunableCount, "causal-lm"), ((long)json["parameters"]!, (long)json["prunable"]!, (string?)json["head"]));
        Assert.Equal(loaded.ParameterCount * 4, (long)json["storedBytes"]!);
        Assert.Equal(["F32"], json["types"]!.AsArray().Select(t => (string)t!));
        Assert.Equal(loaded.Layers.Sum(l => l.Linears.Sum(m => (long)m.Weight.Length) + l.AttentionNorm.Length + l.FfnNorm.Length), json["layers"]!.AsArray().Sum(l => (long)l!["parameters"]!));
        var cost = json["cost"]!;
        var inference = StepCost.Inference(loaded.Spec, null, 2, 16);
        Assert.Equal((inference.Flops, inference.ModelBytes + inference.ActivationBytes), ((long)cost["run"]!["flops"]!, (long)cost["run"]!["bytes"]!));
        Assert.True((long)cost["tuneAdapter"]!["bytes"]! < (long)cost["tuneAll"]!["bytes"]!);
        Assert.Equal(KeyValueCache.BytesFor(loaded.Spec, 2, 16), (long)cost["keyValueCacheBytes"]!);
        Assert.True((long)cost["tuneAdapter"]!["bytes"]! < (long)Json("--model", decoder.Model, "--batch", "2", "--length", "16", "--rank", "8")["cost"]!["tuneAdapter"]!["bytes"]!);
    }

    [Fact]
    public void A_pruned_model_shows_what_is_left_and_draws_it()
    {
        string folder = Pruned(), picture = decoder.NewFile("picture.svg");
        var config = ModelConfigReader.Read(folder);
        var run = Run("--model", folder, "--out", picture);
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Contains("language model, pruned", run.Out);
        Assert.Contains("pruned by ", run.Out);
        Assert.Contains($"{config.Spec.Layers[1].FfnWidth}/32", run.Out);
        Assert.Contains("·", run.Out);

        var json = Json("--model", folder);
        Assert.Equal(config.Spec.Layers.Select(l => (l.QueryHeads, l.FfnWidth)), json["layers"]!.AsArray().Select(l => ((int)l!["queryHeads"]!, (int)l["ffnWidth"]!)));
        Assert.All(json["layers"]!.AsArray(), l => Assert.Equal((4, 2, 32), ((int)l!["queryHeadsBase"]!, (int)l["keyValueHeadsBase"]!, (int)l["ffnWidthBase"]!)));
        Assert.InRange((double)json["ratio"]!, 0.25, 0.35);

        var svg = XDocument.Load(picture);
        var rectangles = svg.Descendants().Where(e => e.Name.LocalName == "rect").ToList();
        int removed = config.Kept.Sum(k => 4 - k.QueryHeads.Length);
        Assert.Equal(removed, rectangles.Count(r => (string?)r.Attribute("class") == "gone"));
        Assert.Equal(4 * (4 + 32), rectangles.Count);
    }

    [Fact]
    public void An_adapter_alone_and_with_its_model()
    {
        var alone = Json("--adapter", decoder.Adapter);
        Assert.Equal((4, 8f, 8), ((int)alone["rank"]!, (float)alone["alpha"]!, (int)alone["modules"]!));
        Assert.Equal(["down_proj", "v_proj"], alone["targets"]!.AsArray().Select(t => (string)t!).Order());
        Assert.Equal(4 * ((4 * 32 + 16 * 4) + (4 * 16 + 8 * 4)), (int)alone["parameters"]!);
        Assert.Equal(4 * (long)alone["parameters"]!, (long)alone["storedBytes"]!);
        var text = Run("--adapter", decoder.Adapter).Out;
        Assert.Contains("LoRA adapter of rank 4, alpha 8.00", text);
        Assert.Contains("8 modules", text);
        var both = Json("--model", decoder.Model, "--adapter", decoder.Adapter);
        Assert.Equal(alone.ToJsonString(), both["adapter"]!.ToJsonString());
        Assert.True((long)both["cost"]!["run"]!["flops"]! > (long)Json("--model", decoder.Model)["cost"]!["run"]!["flops"]!);
    }

    [Theory]
    [InlineData("", "give --model, --adapter or --run")]
    [InlineData("--run . --model .", "--run and --model or --adapter: give one or the other")]
    [InlineData("--run .", "is no run folder")]
    [InlineData("--run nowhere", "no such folder")]
    [InlineData("--model nowhere", "no such folder")]
    [InlineData("--adapter nowhere", "no such folder")]
    [InlineData("--model MODEL --length 65", "sequences of 65 tokens: the model's positions allow 64")]
    [InlineData("--model MODEL --batch 0", "--batch 0: expected at least 1")]
    [InlineData("--adapter ADAPTER --out x.svg", "--out: there is no model to draw")]
    [InlineData("--model MODEL --adapter MODEL", "adapter_config.json")]
    public void Bad_input_is_one_line_and_exit_code_2(string arguments, string expected)
    {
        var run = Run([.. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(a => a.Replace("MODEL", decoder.Model).Replace("ADAPTER", decoder.Adapter))]);
        Assert.Equal((2, ""), (run.Code, run.Out));
        Assert.Contains(expected, run.Line);
    }

    [Fact]
    public void A_run_shows_its_summary_and_its_models()
    {
        string folder = decoder.NewFile("run");
        var synthetic = new SyntheticRun().Build();
        var writer = RunFolderWriter.Create(folder, synthetic.Options);
        writer.AppendRound(synthetic.Rounds[0]);
        var unfinished = Run("--run", folder);
        Assert.Equal(0, unfinished.Code);
        Assert.Contains("not finished, 1 rounds so far", unfinished.Out);
        Assert.False((bool)Json("--run", folder)["finished"]!);

        writer.Finish(synthetic.Summary, synthetic.Devices);
        string model = Pruned(), picture = decoder.NewFile("run.svg");
        Directory.CreateDirectory(writer.Folder.Models);
        Directory.Move(model, Path.Combine(writer.Folder.Models, "xavier-nx"));
        var run = Run("--run", folder, "--out", picture);
        Assert.Equal((0, ""), (run.Code, run.Error));
        foreach (var row in Headline.Rows(synthetic.Summary))
            Assert.Contains(row.Quantity, run.Out);
        Assert.Contains("xavier-nx: ", run.Out);
        Assert.Contains("██ ██", run.Out);
        Assert.Contains("xavier-nx", File.ReadAllText(picture));
        var json = Json("--run", folder);
        Assert.Equal(synthetic.Summary.Rounds, (int)json["summary"]!["rounds"]!);
        Assert.Equal("xavier-nx", (string?)Assert.Single(json["models"]!.AsArray())!["name"]);
    }
}
