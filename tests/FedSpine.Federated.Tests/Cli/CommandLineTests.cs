namespace FedSpine.Federated.Tests.Cli;

public class CommandLineTests
{
    private static CliRun Run(params string[] arguments) => CliRun.Of(new FakeSimulator().Run, TestContext.Current.CancellationToken, arguments);

    [Theory]
    [InlineData("--help")]
    [InlineData("simulate --help")]
    [InlineData("pretrain --help")]
    [InlineData("generate --help")]
    [InlineData("inspect --help")]
    [InlineData("simulate --help --bogus")]
    public void Help_is_for_eighty_columns(string arguments)
    {
        var run = Run(arguments.Split(' '));
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Contains("Usage: fedspine", run.Out);
        Assert.All(run.Out.Split('\n'), line => Assert.InRange(line.TrimEnd('\r').Length, 0, 80));
    }

    [Fact]
    public void Help_of_a_verb_names_every_option_with_its_default_and_examples()
    {
        string help = Run("simulate", "--help").Out;
        foreach (string name in new[] { "--model PATH|hub:OWNER/NAME", "--rounds N", "--no-reference", "--resume FOLDER", "--device host|cuda[:i]|opencl[:i]|ilgpu-cpu", "--json", "--seed N" })
            Assert.Contains("  " + name, help);
        Assert.Contains("(default: 16)", help);
        Assert.Contains("Examples", help);
    }

    [Fact]
    public void Version()
    {
        var run = Run("--version");
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Matches(@"^\d+\.\d+\.\d+", run.Out);
    }

    [Theory]
    [InlineData("", "give a verb: ")]
    [InlineData("simulat", "unknown verb 'simulat', did you mean simulate? (see fedspine --help)")]
    [InlineData("--bogus", "unknown option '--bogus' (see fedspine --help)")]
    public void Without_a_verb_nothing_runs(string arguments, string expected)
    {
        var run = Run(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal((2, ""), (run.Code, run.Out));
        Assert.StartsWith(expected, run.Line);
    }

    [Fact]
    public void A_value_may_begin_with_an_at_sign() => Assert.Contains("@list: no such file", Run("simulate", "--data", "@list").Line);
}
