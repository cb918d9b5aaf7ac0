namespace FedSpine.Kernels.Tests;

/// <summary>Expectations of calls that must fail.</summary>
public static class Expect
{
    /// <summary>The call throws an <see cref="ArgumentException"/> whose message holds every fragment, and changes none of the sandbox's inputs.</summary>
    public static void Rejects(Sandbox sandbox, Action call, params string[] fragments)
    {
        var error = Assert.ThrowsAny<ArgumentException>(call);
        foreach (string fragment in fragments)
            Assert.Contains(fragment, error.Message);
        sandbox.Verify(error.Message);
    }
}
