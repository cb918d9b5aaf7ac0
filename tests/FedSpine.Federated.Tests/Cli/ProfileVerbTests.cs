namespace FedSpine.Federated.Tests.Cli;

public sealed class ProfileVerbTests(SmallDecoder decoder) : IClassFixture<SmallDecoder>
{
    [Fact]
    public void A_bare_model_is_profiled_with_a_new_head()
    {
        string bare = decoder.NewFile("bare");
        Directory.CreateDirectory(bare);
        foreach (string file in Directory.GetFiles(decoder.Model))
            File.Copy(file, Path.Combine(bare, Path.GetFileName(file)));
        string config = File.ReadAllText(Path.Combine(bare, "config.json"));
        Assert.Contains("LlamaForCausalLM", config);
        File.WriteAllText(Path.Combine(bare, "config.json"), config.Replace("LlamaForCausalLM", "LlamaModel"));

        var run = Run(bare);
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Contains("bare, train, host", run.Out);
        Assert.Contains("with a new vocabulary head", run.Out);
        Assert.DoesNotContain("with a new", Run(decoder.Model).Out);
    }

    private static CliRun Run(string model) => CliRun.WithInput("", typed: false, TestContext.Current.CancellationToken,
        ["profile", "--model", model, "--batch", "1", "--length", "8", "--steps", "1", "--device", "host"]);
}
