using System.Text.Json.Nodes;

namespace FedSpine.Federated.Tests.Cli;

public sealed class GenerateVerbTests(SmallDecoder decoder) : IClassFixture<SmallDecoder>
{
    private CliRun Run(string input, bool typed, params string[] arguments) =>
        CliRun.WithInput(input, typed, TestContext.Current.CancellationToken, ["generate", "--model", decoder.Model, .. arguments]);

    private CliRun Run(params string[] arguments) => Run("", typed: false, arguments);

    private JsonObject Json(params string[] arguments)
    {
        var run = Run([.. arguments, "--json"]);
        Assert.Equal((0, ""), (run.Code, run.Error));
        return JsonNode.Parse(run.Out)!.AsObject();
    }

    [Fact]
    public void Text_goes_to_standard_output_and_what_it_took_to_the_other()
    {
        var run = Run("--prompt", "the cat", "--max-tokens", "12");
        Assert.Equal(0, run.Code);
        Assert.Equal(Json("--prompt", "the cat", "--max-tokens", "12")["text"]!.GetValue<string>() + Environment.NewLine, run.Out);
        Assert.Matches(@"^\[prompt: \d+ tokens, \S+/s; text: 12 tokens, \S+/s; as long as --max-tokens allows\]\r?\n$", run.Error);
    }

    [Fact]
    public void Json_is_one_object_with_text_and_cost()
    {
        var json = Json("--prompt", "the cat", "--max-tokens", "7", "--seed", "5");
        Assert.Equal(["text", "tokens", "tokenIds", "finishReason", "promptTokens", "prefillTokensPerSecond", "decodeTokensPerSecond"], json.Select(p => p.Key));
        Assert.Equal((7, 7, "max-tokens"), ((int)json["tokens"]!, json["tokenIds"]!.AsArray().Count, (string?)json["finishReason"]));
        Assert.True((double)json["prefillTokensPerSecond"]! > 0 && (double)json["decodeTokensPerSecond"]! > 0);
        Assert.Equal(json["tokenIds"]!.ToJsonString(), Json("--prompt", "the cat", "--max-tokens", "7", "--seed", "5", "--threads", "2")["tokenIds"]!.ToJsonString());
        Assert.NotEqual(json["tokenIds"]!.ToJsonString(), Json("--prompt", "the cat", "--max-tokens", "7", "--seed", "6")["tokenIds"]!.ToJsonString());
    }

    [Fact]
    public void Another_device_gives_the_same_text()
    {
        string[] likeliest = ["--prompt", "the", "--temperature", "0", "--max-tokens", "3"];
        Assert.Equal(Json(likeliest)["tokenIds"]!.ToJsonString(), Json([.. likeliest, "--device", "ilgpu-cpu"])["tokenIds"]!.ToJsonString());
        Assert.Equal(Json([.. likeliest, "--base", "q8_0"])["tokenIds"]!.ToJsonString(), Json([.. likeliest, "--device", "ilgpu-cpu", "--base", "q8_0"])["tokenIds"]!.ToJsonString());
    }

    [Fact]
    public void A_prompt_comes_from_a_file_or_a_pipe_as_well()
    {
        string file = decoder.NewFile("prompt.txt");
        File.WriteAllText(file, "the cat\nsat\n");
        string expected = Run("--prompt", "the cat\nsat", "--max-tokens", "5").Out;
        Assert.Equal(expected, Run("--prompt-file", file, "--max-tokens", "5").Out);
        Assert.Equal(expected, Run("the cat\nsat\n", typed: false, "--max-tokens", "5").Out);
    }

    [Fact]
    public void On_a_terminal_every_line_is_a_prompt()
    {
        var run = Run("the cat\n\n" + new string('x', 200) + "\nthe rat\n", typed: true, "--max-tokens", "5", "--context", "40");
        Assert.Equal(0, run.Code);
        string[] answers = run.Out.Split("> ");
        Assert.Equal(6, answers.Length);
        Assert.Equal(Run("--prompt", "the cat", "--max-tokens", "5").Out, answers[1]);
        Assert.Equal(("", ""), (answers[2], answers[3]));
        Assert.Equal(Run("--prompt", "the rat", "--max-tokens", "5").Out, answers[4]);
        Assert.Contains("the context holds 40", run.Error);
    }

    [Fact]
    public void Every_sampling_option_reaches_the_sampler()
    {
        string greedy = Json("--prompt", "the cat", "--temperature", "0", "--max-tokens", "15")["tokenIds"]!.ToJsonString();
        foreach (string[] narrow in new[] { new[] { "--top-k", "1" }, ["--top-k", "0", "--top-p", "1e-9"], ["--top-k", "0", "--top-p", "1", "--min-p", "1"] })
            Assert.Equal(greedy, Json(["--prompt", "the cat", "--max-tokens", "15", .. narrow])["tokenIds"]!.ToJsonString());
        Assert.NotEqual(greedy, Json("--prompt", "the cat", "--temperature", "0", "--max-tokens", "15", "--repetition-penalty", "5")["tokenIds"]!.ToJsonString());
        Assert.NotEqual(greedy, Json("--prompt", "the cat", "--temperature", "50", "--top-k", "0", "--max-tokens", "15")["tokenIds"]!.ToJsonString());
    }

    [Fact]
    public void Stop_texts_end_the_text_before_them()
    {
        string text = (string)Json("--prompt", "the cat", "--max-tokens", "40")["text"]!;
        string stop = text[5..8];
        var json = Json("--prompt", "the cat", "--max-tokens", "40", "--stop", "not there", "--stop", stop);
        Assert.Equal((text[..text.IndexOf(stop, StringComparison.Ordinal)], "stop"), ((string?)json["text"], (string?)json["finishReason"]));
    }

    [Fact]
    public void A_full_context_is_said()
    {
        var run = Run("--prompt", "the cat", "--context", "10");
        Assert.Equal(0, run.Code);
        Assert.Contains("the context of 10 tokens is full: --context allows up to 64", run.Error);
        Assert.Equal("context-full", (string?)Json("--prompt", "the cat", "--context", "10")["finishReason"]);
        Assert.Contains("the context of 64 tokens is full: the model allows no more", Run("--prompt", "the cat").Error);
    }

    [Fact]
    public void An_adapter_changes_the_text()
    {
        string[] greedy = ["--prompt", "the cat", "--temperature", "0", "--max-tokens", "20"];
        Assert.NotEqual(Json(greedy)["tokenIds"]!.ToJsonString(), Json([.. greedy, "--adapter", decoder.Adapter])["tokenIds"]!.ToJsonString());
    }

    [Fact]
    public void Stopping_ends_with_130()
    {
        var run = CliRun.WithInput("", typed: false, new CancellationToken(canceled: true), "generate", "--model", decoder.Model, "--prompt", "the");
        Assert.Equal((130, "stopped"), (run.Code, run.Line));
    }

    [Theory]
    [InlineData("--prompt a --prompt-file b", "--prompt and --prompt-file: give one or the other")]
    [InlineData("--prompt-file nowhere.txt", "nowhere.txt: ")]
    [InlineData("--prompt a --context 65", "--context 65: expected 1 to 64")]
    [InlineData("--prompt a --temperature -1", "--temperature -1: expected at least 0")]
    [InlineData("--prompt a --top-p 0", "--top-p 0: expected above 0, at most 1")]
    [InlineData("--prompt a --max-tokens x", "--max-tokens x: expected a whole number")]
    [InlineData("--prompt the-cat-sat-on-the-mat --context 2", "tokens, the context holds 2")]
    public void Bad_input_is_one_line_and_exit_code_2(string arguments, string expected)
    {
        var run = Run(arguments.Split(' '));
        Assert.Equal((2, ""), (run.Code, run.Out));
        Assert.Contains(expected, run.Line);
    }

    [Fact]
    public void Json_needs_a_prompt() => Assert.Contains("--json needs a prompt", Run("", typed: true, "--json").Line);

    [Fact]
    public void An_encoder_is_refused()
    {
        string config = decoder.NewFile("config.json"), encoder = Path.GetDirectoryName(config)!;
        File.WriteAllText(config, """
            { "model_type": "roberta", "architectures": ["RobertaForMaskedLM"], "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8,
              "vocab_size": 300, "max_position_embeddings": 34, "type_vocab_size": 1, "hidden_act": "gelu", "pad_token_id": 1 }
            """);
        var run = CliRun.WithInput("", typed: false, TestContext.Current.CancellationToken, "generate", "--model", encoder, "--prompt", "a");
        Assert.Equal((2, $"{encoder}: is a Roberta encoder, which generates no text: give a LLaMA-family model"), (run.Code, run.Line));
    }
}
