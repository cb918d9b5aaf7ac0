using FedSpine.Cli;
using FedSpine.Engine;
using FedSpine.Kernels.Ilgpu;

namespace FedSpine.Federated.Tests.Cli;

public sealed class DeviceChoiceTests
{
    private static readonly IlgpuOptions BF16 = new() { Precision = MatMulPrecision.BF16 };

    [Theory]
    [InlineData("host")]
    [InlineData("cuda:0")]
    [InlineData("cuda:1+bf16")]
    [InlineData("cuda:0+tf32")]
    [InlineData("cuda:0+blas")]
    public void A_choice_comes_back_from_its_text(string text) => Assert.Equal(text, DeviceChoice.Parse(text).ToString());

    [Fact]
    public void Products_that_there_are_not_are_named() =>
        Assert.Equal("device cuda:0+fp8: after + expected float32, tf32, bf16 or blas", Assert.Throws<InputException>(() => DeviceChoice.Parse("cuda:0+fp8")).Message);

    [Theory]
    [InlineData(null, false, null, "host")] // the machine's best
    [InlineData("cuda", false, null, "cuda:0")]
    [InlineData("cuda", true, null, "cuda:0+bf16")]
    [InlineData(null, false, "cuda:0+tf32", "cuda:0+tf32")] // goes on as it was begun
    [InlineData("cuda", false, "cuda:0+tf32", "cuda:0+tf32")]
    [InlineData("cuda:1", false, "cuda:0+tf32", "cuda:1")] // another device may not have them
    [InlineData("host", false, "cuda:0+blas", "host")]
    [InlineData(null, true, "cuda:0+tf32", "cuda:0+bf16")]
    public void The_command_line_comes_first_then_the_run_then_the_machine(string? id, bool bf16, string? recorded, string expected) =>
        Assert.Equal(expected, DeviceChoice.Of(id, bf16 ? BF16 : null, recorded is null ? null : DeviceChoice.Parse(recorded), () => "host").ToString());

    [Fact]
    public void Products_of_the_command_line_may_be_taken_back() =>
        Assert.Equal("cuda:0", DeviceChoice.Of(null, IlgpuOptions.Default, DeviceChoice.Parse("cuda:0+bf16"), () => "host").ToString());

    [Theory]
    [InlineData("opencl:0+bf16", "--matmul bf16 needs --device cuda, not opencl:0")]
    [InlineData("host+blas", "--blas needs --device cuda, not host")]
    public void Only_cuda_has_products_of_its_own(string text, string message) =>
        Assert.Equal(message, Assert.Throws<InputException>(() => DeviceChoice.Parse(text).RequireProducts()).Message);
}
