using System.Text.Json.Nodes;

namespace FedSpine.Federated.Tests.Cli;

public sealed class DevicesVerbTests(SmallDecoder decoder) : IClassFixture<SmallDecoder>
{
    private static CliRun Run(params string[] arguments) => CliRun.WithInput("", typed: false, TestContext.Current.CancellationToken, arguments);

    [Fact]
    public void The_host_and_the_debugger_are_always_there()
    {
        var run = Run("devices", "--no-measure", "--json");
        Assert.Equal((0, ""), (run.Code, run.Error));
        var devices = JsonNode.Parse(run.Out)!["devices"]!.AsArray();
        Assert.Equal("host", (string?)devices[0]!["device"]);
        Assert.Contains(devices, d => (string?)d!["device"] == "ilgpu-cpu" && (bool)d["usable"]!);
        Assert.All(devices, d => Assert.Equal((bool)d!["usable"]!, d["problem"] is null));
        string text = Run("devices", "--no-measure").Out;
        Assert.All(devices, d => Assert.Contains((string)d!["name"]!, text));
    }

    [Fact]
    public void Only_cuda_devices_have_products_on_tensor_cores()
    {
        var devices = JsonNode.Parse(Run("devices", "--json").Out)!["devices"]!.AsArray();
        Assert.All(devices, d => Assert.Equal(((string)d!["device"]!).StartsWith("cuda"), d["computeCapability"] is not null));
        Assert.All(devices, d => Assert.True(!(bool)d!["tensorProducts"]! || double.Parse((string)d["computeCapability"]!, System.Globalization.CultureInfo.InvariantCulture) >= 8));
    }

    [Theory]
    [InlineData("--matmul bf16 needs --device cuda, not host", "--matmul", "bf16")]
    [InlineData("--matmul tf32 needs --device cuda, not ilgpu-cpu", "--matmul", "tf32", "--device", "ilgpu-cpu")]
    [InlineData("--blas needs --device cuda, not host", "--blas")]
    [InlineData("cuBLAS computes float32 products: give --blas or --matmul bf16, not both", "--matmul", "bf16", "--blas")]
    [InlineData("--matmul fp16: expected float32 or tf32 or bf16", "--matmul", "fp16")]
    public void Products_that_a_device_cannot_have_are_refused_before_any_work(string message, params string[] options)
    {
        var run = Run(["evaluate", "--model", "nowhere", "--data", "nowhere.txt", "--task", "causal-lm", .. options]);
        Assert.Equal(2, run.Code);
        Assert.Contains(message, run.Line);
    }

    [Fact]
    public void Rates_are_measured_unless_that_is_not_wanted()
    {
        var devices = JsonNode.Parse(Run("devices", "--json").Out)!["devices"]!.AsArray();
        Assert.True((double)devices[0]!["flopsPerSecond"]! > 0 && (double)devices[0]!["copyBytesPerSecond"]! > 0);
        Assert.All(devices, d => Assert.True((bool)d!["usable"]! || d["flopsPerSecond"] is null));
        Assert.Null(JsonNode.Parse(Run("devices", "--no-measure", "--json").Out)!["devices"]![0]!["flopsPerSecond"]);
        Assert.Contains("GB/s", Run("devices").Out);
        Assert.Single(devices, d => (bool)d!["default"]!);
        Assert.Single(Run("devices", "--no-measure").Out.TrimEnd().Split('\n'), line => line.StartsWith('*') && line.TrimEnd().EndsWith("the default", StringComparison.Ordinal));
    }

    [Fact]
    public void A_profile_is_that_of_the_device()
    {
        var run = Run("profile", "--model", decoder.Model, "--device", "ilgpu-cpu", "--work", "generate", "--length", "1", "--steps", "1", "--json");
        Assert.Equal((0, ""), (run.Code, run.Error));
        var json = JsonNode.Parse(run.Out)!;
        Assert.Contains("ILGPU", (string?)json["title"]);
        Assert.True((double)json["peakFlopsPerSecond"]! > 0 && (double)json["peakBytesPerSecond"]! > 0);
    }

    /// <summary>Before anything else of the command line is looked at, whatever the verb.</summary>
    [Theory]
    [InlineData("simulate")]
    [InlineData("compare")]
    [InlineData("finetune")]
    [InlineData("prune")]
    [InlineData("evaluate")]
    [InlineData("generate")]
    [InlineData("inspect")]
    [InlineData("pretrain")]
    [InlineData("profile")]
    [InlineData("devices")]
    [InlineData("export")]
    public void A_device_that_is_not_there_is_named_with_those_that_are(string verb)
    {
        var run = Run(verb, "--device", "cuda:77");
        Assert.Equal((2, ""), (run.Code, run.Out));
        Assert.StartsWith("--device cuda:77: there is no device cuda:77; there are host, ", run.Line);
        Assert.EndsWith("ilgpu-cpu", run.Line);
    }

    [Fact]
    public void Without_a_device_the_default_computes_and_is_said()
    {
        CliRun.DefaultDevice = "ilgpu-cpu";
        string[] generate = ["generate", "--model", decoder.Model, "--prompt", "the cat", "--max-tokens", "1", "--temperature", "0", "--json"];
        var run = Run(generate);
        Assert.Equal((0, "computing on ilgpu-cpu (--device host: on the processor)"), (run.Code, run.Line));
        Assert.Equal((0, ""), (Run([.. generate, "--device", "host"]).Code, Run([.. generate, "--device", "host"]).Error));
        Assert.Equal((0, ""), (Run([.. generate, "--device", "ilgpu-cpu"]).Code, Run([.. generate, "--device", "ilgpu-cpu"]).Error));
    }
}
