# Where the MSI window fits for a VM, asked by the http provider while a plan is made: it fails where no window does.

terraform {
  required_providers {
    http = {
      source  = "hashicorp/http"
      version = ">= 3.4"
    }
  }
}

variable "iovad" {
  description = "The server of iovad"
  type        = string
  default     = "http://127.0.0.1:8080"
}

data "http" "placement" {
  url    = "${var.iovad}/v1/placements"
  method = "POST"
  request_headers = {
    Content-Type = "application/json"
  }
  request_body = jsonencode({
    hosts  = [{ name = "a", platform = "example-qemu-virt" }]
    vm     = { vmm = "qemu-virt", ram = "0x100000000" }
    window = {}
  })

  lifecycle {
    postcondition {
      condition     = self.status_code == 200
      error_message = "iovad: ${self.response_body}"
    }
    postcondition {
      condition     = contains(["default_works", "movable"], jsondecode(self.response_body).verdict)
      error_message = jsondecode(self.response_body).because
    }
  }
}

output "verdict" {
  value = jsondecode(data.http.placement.response_body).verdict
}
