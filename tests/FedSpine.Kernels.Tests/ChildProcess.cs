namespace FedSpine.Kernels.Tests;

/// <summary>How a test process that was started by <see cref="InstructionSetTests"/> knows that it is one.</summary>
public static class ChildProcess
{
    public const string Variable = "FEDSPINE_TEST_CHILD";

    public static bool IsChild => Environment.GetEnvironmentVariable(Variable) is not null;
}
