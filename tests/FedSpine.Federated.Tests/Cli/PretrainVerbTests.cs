using System.Text.Json.Nodes;
using FedSpine.Cli;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using FedSpine.Kernels;

namespace FedSpine.Federated.Tests.Cli;

public sealed class PretrainVerbTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("fedspine-pretrain-").FullName;
    private PretrainOptions? _options;
    private IReadOnlyList<string> _texts = [];
    private string _device = "";
    private int _stopAfter = int.MaxValue;
    private bool _resume;

    private string Out => Path.Combine(_root, "model");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private CliRun Run(params string[] arguments) => CliRun.Of((PretrainRun)Pretrain, TestContext.Current.CancellationToken, ["pretrain", .. arguments]);

    private PretrainResult Pretrain(IComputeBackend backend, PretrainOptions options, IReadOnlyList<string> texts, string folder, bool resume, IPretrainProgress progress, CancellationToken cancel)
    {
        (_options, _texts, _resume, _device) = (options, texts, resume, backend.Name);
        progress.Note("tokenizer trained");
        int steps = Math.Min(options.Steps, _stopAfter);
        for (int step = 1; step <= steps; step++)
            progress.Step(step, options.Steps, 2.5, 1000);
        progress.HeldOut(steps, 2.25);
        return new PretrainResult(folder, steps, 1000, 123_456, 2.25, 12.5);
    }

    [Fact]
    public void Without_options_the_bundled_sample_is_used()
    {
        var run = Run("--out", Out);
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Equal(new PretrainOptions(), _options);
        Assert.Equal(PretrainVerb.SampleTexts, _texts.Count);
        Assert.Contains("tokenizer trained", run.Out);
        Assert.Contains("held-out text: loss 2.25, perplexity 9.49", run.Out);
        Assert.Contains($"model: {Out}", run.Out);
    }

    [Fact]
    public void Every_option_reaches_the_run()
    {
        var expected = new PretrainOptions
        {
            Objective = ModelHead.CausalLm, Tokenizer = _root, Layers = 3, Width = 96, Heads = 6, KeyValueHeads = 2, FfnWidth = 160, Length = 48, Batch = 9,
            Steps = 11, LearningRate = 3e-4, Type = SafetensorsType.BF16, Seed = 5,
        };
        var run = Run("--out", Out, "--task", "causal-lm", "--tokenizer", _root, "--layers", "3", "--width", "96", "--heads", "6", "--kv-heads", "2", "--ffn", "160",
            "--length", "48", "--batch", "9", "--steps", "11", "--lr", "3e-4", "--dtype", "bf16", "--seed", "5");
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Equal(expected, _options);
        Assert.Equal(0, Run("--out", Out + "-2", "--vocabulary", "700").Code);
        Assert.Equal(new PretrainOptions { Vocabulary = 700 }, _options);
    }

    [Theory]
    [InlineData("host")]
    [InlineData("ilgpu-cpu")]
    public void The_device_reaches_the_run(string device)
    {
        Assert.Equal(0, Run("--out", Out, "--device", device).Code);
        Assert.StartsWith(device.Split('-')[0], _device, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void A_column_of_a_table_is_the_text()
    {
        string path = Path.Combine(_root, "data.tsv");
        File.WriteAllText(path, "label\tbody\n0\tone text\n1\tanother\n");
        Assert.Equal(0, Run("--out", Out, "--data", path, "--text-column", "body").Code);
        Assert.Equal(["one text", "another"], _texts);
    }

    [Fact]
    public void Json_is_one_object_on_standard_output()
    {
        var run = Run("--out", Out, "--json", "--steps", "20");
        var json = JsonNode.Parse(run.Out)!.AsObject();
        Assert.Equal(["folder", "task", "steps", "vocabulary", "parameters", "heldOutLoss", "heldOutPerplexity", "device", "wallSeconds"], json.Select(p => p.Key));
        Assert.Equal((Out, "masked-lm", 20), ((string?)json["folder"], (string?)json["task"], (int?)json["steps"]));
        Assert.Contains("step 20/20", run.Error);
    }

    [Fact]
    public void Stopping_says_what_is_kept()
    {
        _stopAfter = 7;
        var run = Run("--out", Out, "--steps", "20");
        Assert.Equal((130, $"stopped after step 7 of 20; the model so far is in {Out}; continue with: fedspine pretrain --resume {Out}"), (run.Code, run.Line));
    }

    [Fact]
    public void Resume_takes_the_settings_from_the_folder_and_new_steps()
    {
        string data = Path.Combine(_root, "data.tsv");
        File.WriteAllText(data, "label\tbody\n0\tone text\n1\tanother\n");
        _stopAfter = 7;
        Assert.Equal(130, Run("--out", Out, "--data", data, "--text-column", "body", "--width", "96", "--steps", "20").Code);
        _stopAfter = int.MaxValue;
        var run = Run("--resume", Out, "--steps", "15");
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Equal(new PretrainOptions { Width = 96, Steps = 15 }, _options);
        Assert.Equal(["one text", "another"], _texts);
        Assert.True(_resume);
        Assert.Equal("--lr cannot be given with --resume: the run goes on with the settings it began with, but for --steps", Run("--resume", Out, "--lr", "1").Line);
        Assert.Equal($"{Out} already holds a run: give another --out, or continue it with --resume", Run("--out", Out).Line);
    }

    [Theory]
    [InlineData("--model . --width 96", "--width is for a new model, and --model gives one")]
    [InlineData("--resume nowhere", "--out cannot be given with --resume")]
    [InlineData("--heads 5", "--heads 5: expected a divisor of the width, 64")]
    [InlineData("--steps 0", "--steps 0: expected at least 1")]
    [InlineData("--vocabulary 3", "--vocabulary 3: expected 300 to 1000000")]
    [InlineData("--task classification", "--task classification: expected masked-lm or causal-lm")]
    [InlineData("--dtype f64", "--dtype f64: expected f32 or f16 or bf16")]
    [InlineData("--kv-heads 2", "--kv-heads is for decoders")]
    [InlineData("--tokenizer nowhere", "nowhere: no such folder")]
    [InlineData("--tokenizer . --vocabulary 500", "--vocabulary is for a tokenizer that is trained here")]
    [InlineData("--text-column text", "--text-column is for --data, which is not given")]
    [InlineData("--data nowhere.txt", "nowhere.txt: ")]
    [InlineData("--rounds 3", "unknown option '--rounds'")]
    public void Bad_input_is_one_line_and_exit_code_2(string arguments, string expected)
    {
        var run = Run(["--out", Out, .. arguments.Split(' ')]);
        Assert.Equal((2, ""), (run.Code, run.Out));
        Assert.Contains(expected, run.Line);
        Assert.Null(_options);
    }

    [Fact]
    public void A_folder_that_holds_a_model_is_refused()
    {
        Directory.CreateDirectory(Out);
        File.WriteAllText(Path.Combine(Out, "config.json"), "{}");
        var run = Run("--out", Out);
        Assert.Equal((2, $"{Out} already holds a model: give another --out"), (run.Code, run.Line));
    }
}
