using System.Text.Json.Nodes;
using FedSpine.Engine.Formats;

namespace FedSpine.Federated.Tests.Cli;

public sealed class TuneVerbTests(SmallWorld world) : IClassFixture<SmallWorld>, IDisposable
{
    private static readonly string[] Files = ["roberta-base", "llama", "train.tsv", "dev.tsv", "story.txt", "questions.jsonl"];

    private readonly string _out = Directory.CreateTempSubdirectory("fedspine-tune-").FullName;

    public void Dispose() => Directory.Delete(_out, recursive: true);

    private string Out(string name) => Path.Combine(_out, name);

    private CliRun Run(string arguments) => CliRun.Of((FedSpine.Cli.SimulateRun)((_, _, _, _, _, _) => throw new InvalidOperationException()), TestContext.Current.CancellationToken,
        [.. arguments.Split(' ').Select(word => Array.IndexOf(Files, word) >= 0 ? world[word] : word)]);

    private static JsonObject Json(CliRun run)
    {
        Assert.True(run.Code == 0, run.Error);
        return JsonNode.Parse(run.Out)!.AsObject();
    }

    [Fact]
    public void A_classifier_is_tuned_and_evaluated_with_its_adapter()
    {
        var tuned = Json(Run($"finetune --model roberta-base --data train.tsv --eval-data dev.tsv --steps 12 --lr 0.003 --json --out {Out("a")}"));
        Assert.Equal(12, (int)tuned["steps"]!);
        Assert.Equal("host", (string?)tuned["device"]);
        Assert.Contains("\"device\": \"host\"", File.ReadAllText(Path.Combine(Out("a"), "run/config.json")));
        string adapter = Out("a");
        Assert.All((string[])["adapter_config.json", "adapter_model.safetensors", "labels.json", "run/config.json", "run/summary.json", "run/points.jsonl", "run/report.html"],
            file => Assert.True(File.Exists(Path.Combine(adapter, file)), file));
        Assert.False(Directory.Exists(Path.Combine(adapter, "run/checkpoint")));

        var measured = Json(Run($"evaluate --model roberta-base --adapter {adapter} --data dev.tsv --json"));
        Assert.Equal((double)tuned["accuracy"]!, (double)measured["accuracy"]!, 9);
        Assert.Equal((double)tuned["loss"]!, (double)measured["loss"]!, 5);
        Assert.Equal(40, (int)measured["examples"]!);
        long[] confusion = [.. measured["confusion"]!.AsObject().SelectMany(row => row.Value!.AsArray().Select(n => (long)n!))];
        Assert.Equal(40, confusion.Sum());

        // The labels come from the adapter: data that holds one class alone can still be measured.
        string one = Out("one.tsv");
        File.WriteAllLines(one, File.ReadLines(world["dev.tsv"]).Where((line, i) => i == 0 || line.EndsWith("\tpositive", StringComparison.Ordinal)));
        Assert.Equal(0, Run($"evaluate --model roberta-base --adapter {adapter} --data {one}").Code);
    }

    [Theory]
    [InlineData("finetune --steps 2")]
    [InlineData("prune --ratio 0.2 --steps 10")]
    [InlineData("prune --ratio 0.2 --one-shot 2")]
    public void A_memory_budget_says_what_it_comes_to(string verb)
    {
        var run = Run($"{verb} --model llama --data story.txt --length 32 --memory 1GiB --recompute full --out {Out("budget")}");
        Assert.True(run.Code == 0, run.Error);
        Assert.Contains("memory: recompute full, batches of 16, about ", run.Out);
    }

    [Fact]
    public void All_weights_make_a_model_folder_of_the_same_quality()
    {
        var tuned = Json(Run($"finetune --model llama --data story.txt --all-weights --steps 6 --length 48 --json --out {Out("w")}"));
        using var backend = Kernels.Host.HostBackend.Create(1);
        using var model = ModelFolder.Load(backend, Out("w")).Model;
        Assert.Null(model.Lora);
        Assert.Equal((long)tuned["trainedParameters"]!, model.ParameterCount);
        Assert.True((double)tuned["perplexity"]! < (double)tuned["perplexityBefore"]!);
    }

    [Fact]
    public void Of_prompts_and_answers_the_answers_are_learned()
    {
        var tuned = Json(Run($"finetune --model llama --data questions.jsonl --steps 60 --lr 0.01 --json --out {Out("q")}"));
        Assert.True((double)tuned["loss"]! < 0.6 * (double)tuned["lossBefore"]!, $"loss {tuned["lossBefore"]} to {tuned["loss"]}");
    }

    [Theory]
    [InlineData("--steps 20 --prune-interval 4")]
    [InlineData("--one-shot 2")]
    public void A_pruned_model_measures_the_same_when_it_is_loaded_again(string how)
    {
        string data = Out("test.txt");
        File.WriteAllLines(data, File.ReadLines(world["story.txt"]).Take(40));
        var pruned = Json(Run($"prune --model llama --data story.txt --eval-data {data} --ratio 0.3 {how} --length 48 --json --out {Out("p")}"));
        Assert.InRange((double)pruned["ratio"]!, 0.27, 0.33);
        Assert.True((long)pruned["parametersAfter"]! < (long)pruned["parametersBefore"]!);
        var measured = Json(Run($"evaluate --model {Out("p")} --data {data} --length 48 --json"));
        Assert.Equal((double)pruned["ratio"]!, (double)measured["ratio"]!, 12);
        Assert.Equal((double)pruned["perplexity"]!, (double)measured["perplexity"]!, (double)pruned["perplexity"]! * 1e-5);
        Assert.Contains("pruned", File.ReadAllText(Path.Combine(Out("p"), "run/report.html")));
    }

    [Fact]
    public void Weights_alone_prune_without_data()
    {
        var pruned = Json(Run($"prune --model llama --ratio 0.2 --criterion magnitude --one-shot 1 --json --out {Out("m")}"));
        Assert.InRange((double)pruned["ratio"]!, 0.17, 0.23);
        Assert.Null(pruned["perplexity"]);
    }

    [Fact]
    public void A_complete_run_resumes_to_its_summary_and_a_stopped_one_to_its_end()
    {
        string arguments = $"--model llama --data story.txt --steps 8 --length 32 --seed 5";
        var whole = Json(Run($"finetune {arguments} --json --out {Out("whole")}"));
        Assert.Equal(whole.ToJsonString(), Json(Run($"finetune --json --resume {Out("whole")}")).ToJsonString());

        // Stopped at once: no step was done, and it starts again.
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        var stopped = CliRun.Of((FedSpine.Cli.SimulateRun)((_, _, _, _, _, _) => throw new InvalidOperationException()), cancelled.Token,
            ["finetune", "--model", world["llama"], "--data", world["story.txt"], "--steps", "8", "--length", "32", "--seed", "5", "--out", Out("stopped")]);
        Assert.Equal(130, stopped.Code);
        Assert.Contains("--resume", stopped.Line);
        var resumed = Json(Run($"finetune --json --resume {Out("stopped")}"));
        Assert.Equal((double)whole["loss"]!, (double)resumed["loss"]!, 12);
    }

    [Theory]
    [InlineData("finetune --model llama", "--data is missing")]
    [InlineData("finetune --data story.txt", "--model is missing")]
    [InlineData("finetune --model llama --data story.txt --rank 0", "--rank 0: expected 1 to 4096")]
    [InlineData("finetune --model llama --data story.txt --lr 0", "--lr 0: expected above 0")]
    [InlineData("finetune --model llama --data story.txt --memory lots", "--memory lots: expected an amount such as 900MB or 1.5GiB")]
    [InlineData("finetune --model llama --data story.txt --memory 10MB", "--memory 9.54 MiB: the weights alone take")]
    [InlineData("prune --model llama --data story.txt --ratio 0.3 --recompute some", "--recompute some: expected none or attention or full")]
    [InlineData("finetune --model llama --data story.txt --targets wings", "--targets wings: expected all")]
    [InlineData("finetune --model llama --data story.txt --task classification", "plain text has no labels")]
    [InlineData("finetune --model roberta-base --data story.txt --task causal-lm", "which has no CausalLm head")]
    [InlineData("finetune --model llama --data story.txt --config nothing.json", "nothing.json: no such file")]
    [InlineData("finetune --resume nowhere", "no such folder")]
    [InlineData("finetune --resume nowhere --lr 1", "--lr cannot be given with --resume")]
    [InlineData("prune --model llama --data story.txt", "--ratio is missing")]
    [InlineData("prune --model llama --data story.txt --ratio 0.96", "--ratio 0.96: expected 0 to 0.95")]
    [InlineData("prune --model llama --data story.txt --ratio 0.9 --one-shot 1", "--ratio 0.9: this model can lose at most")]
    [InlineData("prune --model llama --ratio 0.3 --one-shot 1", "the criterion taylor needs text")]
    [InlineData("prune --model llama --data story.txt --ratio 0.3 --criterion luck", "--criterion luck: expected taylor")]
    [InlineData("evaluate --model llama", "--data is missing")]
    [InlineData("evaluate --model llama --data story.txt --context 7", "--context 7: expected an even number")]
    [InlineData("evaluate --model llama --data story.txt --context 100000", "100000")]
    [InlineData("evaluate --model roberta-base --data dev.tsv --context 8", "--context is for")]
    [InlineData("evaluate --model roberta-base --data dev.tsv", "has no classifier")]
    public void Bad_input_is_one_line_and_leaves_nothing_behind(string arguments, string message)
    {
        var run = Run($"{arguments} {(arguments.Contains("--resume") || arguments.StartsWith("evaluate") ? "" : $"--out {Out("bad")}")}".TrimEnd());
        Assert.Equal((2, ""), (run.Code, run.Out));
        Assert.Contains(message, run.Line);
        Assert.False(Directory.Exists(Out("bad")));
    }

    [Fact]
    public void An_output_folder_that_holds_something_is_refused()
    {
        Assert.Contains("already has a config.json", Run($"finetune --model llama --data story.txt --out {world["llama"]}").Line);
        Assert.Equal(0, Run($"finetune --model llama --data story.txt --steps 2 --length 32 --out {Out("twice")}").Code);
        Assert.Contains("already holds a run", Run($"finetune --model llama --data story.txt --out {Out("twice")}").Line);
    }
}
